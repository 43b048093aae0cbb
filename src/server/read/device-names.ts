/** The user's replicas by ordinal, for people: revoked ones too, since the log names them. */
import { type DeviceId, serverDeviceId, type UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

export interface NamedDevice {
  readonly id: DeviceId;
  readonly name: string;
}

export type DeviceByOrdinal = ReadonlyMap<number, NamedDevice>;

const statement: Statement = {
  name: 'read-device-names',
  text: 'select ordinal, id, name from devices where user_id = $1::uuid',
};

export async function readDeviceNames(db: Queryable, userId: UserId): Promise<DeviceByOrdinal> {
  const rows = await db.query<NamedDevice & { ordinal: number }>(statement, [userId]);
  const devices = new Map<number, NamedDevice>(rows.map(({ ordinal, id, name }) => [ordinal, { id, name }]));
  return devices.set(0, { id: serverDeviceId, name: 'server' });
}

export function nameDevice(devices: DeviceByOrdinal, ordinal: number): NamedDevice {
  const device = devices.get(ordinal);
  if (device === undefined) throw new RangeError(`no device ${ordinal} among the user's`);
  return device;
}
