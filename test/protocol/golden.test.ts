import { describe, expect, it } from 'vitest';
import type { DeviceId } from '../../src/core/ids.ts';
import {
  deflatedBytes,
  frameCodes,
  packClientFrame,
  packDeflated,
  packDelta,
  packServerFrame,
  unpackClientFrame,
  unpackServerFrame,
} from '../../src/protocol/binary-codec.ts';
import type { Delta, ServerFrame } from '../../src/protocol/frames.ts';
import { clientFrameToJson, parseServerFrame, serverFrameToJson } from '../../src/protocol/json-codec.ts';
import { clientFrameSchema, serverFrameSchema } from '../../src/protocol/json-frames.ts';
import { parseClientFrame } from '../../src/protocol/parse-client-frame.ts';
import { packEvent } from '../../src/protocol/wire-events.ts';
import { goldenClientFrames, goldenDeflated, goldenDelta, goldenDevices, goldenServerFrames } from './golden-frames.ts';

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

describe('golden bytes', () => {
  it.each(goldenClientFrames)('[SYN-1] $name', ({ json, hex }) => {
    const frame = parseClientFrame(JSON.stringify(json));
    expect(toHex(packClientFrame(frame))).toBe(hex);
    expect(unpackClientFrame(fromHex(hex))).toEqual(frame);
    expect(clientFrameToJson(frame)).toEqual(json);
  });

  it.each(goldenServerFrames)('[SYN-1] $name', ({ json, hex }) => {
    const frame = parseServerFrame(JSON.stringify(json)) as Exclude<ServerFrame, Delta>;
    expect(toHex(packServerFrame(frame))).toBe(hex);
    expect(unpackServerFrame(fromHex(hex))).toEqual(frame);
    expect(serverFrameToJson(frame)).toEqual(json);
    expect(serverFrameSchema.parse(json)).toEqual(json);
  });

  it('[SYN-1] [SYN-4] [SYN-11] DELTA', () => {
    const { json, hex } = goldenDelta;
    const delta = parseServerFrame(JSON.stringify(json)) as Delta;
    const deviceByOrdinal = new Map(goldenDevices.map(([ordinal, id]) => [ordinal, id as DeviceId]));
    const ordinalOf = (device: DeviceId) => goldenDevices.find(([, id]) => id === device)?.[0] ?? -1;
    const stored = delta.events.map((event) => packEvent(event, ordinalOf(event.device)));
    const events = Buffer.concat(stored.flatMap(({ prefix, payload }) => [prefix, payload]));
    expect(toHex(packDelta(delta, { from: delta.from, count: stored.length, events, deviceByOrdinal }))).toBe(hex);
    expect(unpackServerFrame(fromHex(hex))).toEqual(delta);
    expect(serverFrameToJson(delta)).toEqual(json);
    expect(serverFrameSchema.parse(json)).toEqual(json);
  });

  it('[SYN-1] a deflated frame', () => {
    expect(toHex(packDeflated(fromHex(goldenDeflated.stream)))).toBe(goldenDeflated.hex);
    expect(toHex(deflatedBytes(fromHex(goldenDeflated.hex)) ?? new Uint8Array())).toBe(goldenDeflated.stream);
  });

  it('[SYN-1] there is one for every frame', () => {
    const named = [...goldenClientFrames, ...goldenServerFrames, goldenDelta].map(({ json }) => json.type);
    expect(new Set([...named, 'DEFLATED'])).toEqual(new Set(Object.keys(frameCodes)));
    const typesOf = (schema: typeof clientFrameSchema | typeof serverFrameSchema) =>
      schema.options.map((option) => option.shape.type.value);
    expect(new Set(goldenClientFrames.map(({ json }) => json.type))).toEqual(new Set(typesOf(clientFrameSchema)));
    expect(new Set([...goldenServerFrames, goldenDelta].map(({ json }) => json.type))).toEqual(
      new Set(typesOf(serverFrameSchema)),
    );
  });
});
