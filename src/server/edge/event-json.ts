/** An event as the history and the audit tell it. */
import { z } from 'zod';
import { hlcToString } from '../../core/clock.ts';
import { type DeviceId, idSchema, type MemoryId } from '../../core/ids.ts';
import { eventToJson } from '../../protocol/json-codec.ts';
import { eventSchema } from '../../protocol/json-frames.ts';
import type { NamedDevice } from '../read/device-names.ts';
import type { EventView } from '../read/event-view.ts';

export const namedDeviceSchema = z.object({ id: idSchema<DeviceId>(), name: z.string() }).meta({ id: 'NamedDevice' });

export const eventViewSchema = eventSchema
  .extend({
    memoryId: idSchema<MemoryId>(),
    device: namedDeviceSchema.meta({ description: 'The device that was used. For a REST write: that of the session.' }),
    replica: z
      .object({ id: idSchema<DeviceId>() })
      .meta({ description: 'The replica that wrote the op: for a REST write the server, whose id is all zeros.' }),
    base: z.int().meta({ description: 'The seq up to which the writer had seen everything.' }),
    vectorClock: z
      .record(z.string(), z.int())
      .meta({ description: 'What the writer had seen, this op included: last counter by replica.' }),
    rawHlc: z.string().optional().meta({ description: 'The device’s own stamp, where it was too far ahead.' }),
    hash: z.string().meta({ description: 'Of the chain, hex.' }),
  })
  .meta({ id: 'Event' });

export type EventJson = z.input<typeof eventViewSchema>;

export function eventViewToJson({ device, replica, base, vectorClock, rawHlc, hash, ...event }: EventView): EventJson {
  const raw = rawHlc === null ? {} : { rawHlc: hlcToString(rawHlc) };
  const told = {
    device: namedDeviceToJson(device),
    replica: { id: replica.id },
    base,
    vectorClock: Object.fromEntries(vectorClock),
  };
  return { ...eventToJson({ ...event, device: device.id }), ...told, ...raw, memoryId: event.memoryId, hash };
}

export const namedDeviceToJson = ({ id, name }: NamedDevice): z.input<typeof namedDeviceSchema> => ({ id, name });
