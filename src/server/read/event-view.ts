/** An event as people ask about it: who changed what, when, from which device, knowing what. */
import type { Hlc } from '../../core/clock.ts';
import type { LogEvent } from '../../core/event.ts';
import type { DeviceId } from '../../core/ids.ts';
import { bytesToMeta } from '../log/log-bytes.ts';
import { type EventRecord, recordToEvent } from '../log/read-events.ts';
import { type DeviceByOrdinal, type NamedDevice, nameDevice } from './device-names.ts';

export interface EventView extends Omit<LogEvent, 'device'> {
  /** The device that somebody used: for a REST write that of the session, though the server's replica wrote the op. */
  readonly device: NamedDevice;
  /** The replica that wrote the op: its counter is `counter`. */
  readonly replica: { readonly id: DeviceId };
  readonly base: number;
  readonly vectorClock: ReadonlyMap<DeviceId, number>;
  /** The device's own stamp where it was clamped (MRG-6). */
  readonly rawHlc: Hlc | null;
  /** Hex. */
  readonly hash: string;
}

export function recordToView(record: EventRecord, devices: DeviceByOrdinal): EventView {
  const { base, actor, clock, rawHlc } = bytesToMeta(record.meta);
  const writer = nameDevice(devices, record.device);
  const { device: _, ...event } = recordToEvent(record, new Map([[record.device, writer.id]]));
  return {
    ...event,
    device: nameDevice(devices, actor ?? record.device),
    replica: { id: writer.id },
    base,
    vectorClock: new Map(Array.from(clock, ([ordinal, counter]) => [nameDevice(devices, ordinal).id, counter])),
    rawHlc,
    hash: record.hash.toString('hex'),
  };
}
