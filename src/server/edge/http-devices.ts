/** /auth/devices: where the account is in use. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { type DeviceId, idSchema } from '../../core/ids.ts';
import type { Access } from '../access/access.ts';
import type { Device } from '../access/devices.ts';
import { type AuthDeps, toIso } from './http-auth.ts';
import { limit } from './query-values.ts';
import { route } from './route.ts';

const deviceSchema = z
  .object({
    id: idSchema<DeviceId>(),
    name: z.string(),
    platform: z.string().nullable(),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime(),
    cursor: z.int().meta({ description: 'How far it has confirmed the log; 0 when it has never synced.' }),
    lag: z.int().meta({ description: 'Events of the log that it has not confirmed.' }),
    current: z.boolean().meta({ description: 'Whether this request comes from it.' }),
  })
  .meta({ id: 'Device' });

const pageSchema = z.strictObject({
  limit: limit(100, 100),
  cursor: z
    .string()
    .regex(/^d[1-9]\d{0,8}$/, 'is not a cursor of this list')
    .optional()
    .meta({ description: 'The `nextCursor` of the page before.' }),
});

const tag = 'devices';

export function registerDeviceRoutes(app: FastifyInstance, { access }: AuthDeps): void {
  registerList(app, access);
  registerRevoke(app, access);
}

function registerList(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'GET',
      url: '/auth/devices',
      summary: 'The devices of the account, oldest first, with last seen and sync lag',
      operationId: 'listDevices',
      description: '`lag` is how many events a device has not confirmed. Revoked ones are not listed.',
      tag,
      auth: true,
      query: pageSchema,
      answers: { 200: z.object({ devices: z.array(deviceSchema), nextCursor: z.string().nullable() }) },
    },
    async ({ principal, query: { limit: size, cursor } }) => {
      const found = await access.listDevices(principal.userId, { after: Number(cursor?.slice(1) ?? 0), limit: size + 1 });
      const page = found.slice(0, size);
      const nextCursor = found.length > size ? `d${page.at(-1)?.ordinal}` : null;
      return { status: 200, body: { devices: page.map((device) => toBody(device, principal.device.id)), nextCursor } };
    },
  );
}

function registerRevoke(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'DELETE',
      url: '/auth/devices/:id',
      summary: 'Revoke a device: its sessions end, its sockets close, its id is refused',
      operationId: 'revokeDevice',
      description: 'Also of one that is lost. What it wrote stays; a new login there needs a new device id.',
      tag,
      auth: true,
      params: z.object({
        id: idSchema<DeviceId>().register(z.globalRegistry, { description: 'Of the device.', format: 'uuid' }),
      }),
      answers: { 204: null },
      errors: ['unknown_device'],
    },
    async ({ principal, params }) => {
      const revoked = await access.revokeDevice(principal.userId, params.id);
      if (!revoked.ok) throw new AppError(revoked.error);
      return { status: 204 };
    },
  );
}

function toBody({ ordinal, ...device }: Device, current: DeviceId) {
  return { ...device, createdAt: toIso(device.createdAt), lastSeenAt: toIso(device.lastSeenAt), current: device.id === current };
}
