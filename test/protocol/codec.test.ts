/** Frames survive both of their forms. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deflatedBytes,
  packClientFrame,
  packDeflated,
  packDelta,
  packServerFrame,
  unpackClientFrame,
  unpackServerFrame,
} from '../../src/protocol/binary-codec.ts';
import { clientFrameToJson, parseServerFrame, serverFrameToJson } from '../../src/protocol/json-codec.ts';
import { clientFrameSchema, serverFrameSchema } from '../../src/protocol/json-frames.ts';
import { unpackUntrusted } from '../../src/protocol/message-pack.ts';
import { parseClientFrame } from '../../src/protocol/parse-client-frame.ts';
import { joinEvents, packEvent } from '../../src/protocol/wire-events.ts';
import { clientFrameArb, deltaArb, headerArb, received, serverFrameArb, storedArb } from './frame-arbitraries.ts';

describe('the binary form', () => {
  it('[SYN-1] of a client frame decodes to that frame', () => {
    fc.assert(
      fc.property(clientFrameArb, (frame) => {
        expect(unpackClientFrame(packClientFrame(frame))).toEqual(frame);
      }),
      { numRuns: 200 },
    );
  });

  it('[SYN-1] of a server frame decodes to that frame', () => {
    fc.assert(
      fc.property(serverFrameArb, (frame) => {
        expect(unpackServerFrame(packServerFrame(frame))).toEqual(frame);
      }),
      { numRuns: 200 },
    );
  });

  it('[SYN-1] is standard MessagePack without extensions, also from the server', () => {
    fc.assert(
      fc.property(serverFrameArb, (frame) => {
        expect(unpackUntrusted(packServerFrame(frame))).toBeInstanceOf(Array);
      }),
    );
  });

  it('[SYN-4] [SYN-11] of a delta is the stored events one after the other, and decodes to them', () => {
    fc.assert(
      fc.property(storedArb, headerArb, ({ events, from, deviceByOrdinal }, header) => {
        const stored = events.map((event) => packEvent(event, event.device)).flatMap(({ prefix, payload }) => [prefix, payload]);
        const bytes = Buffer.concat(stored);
        const frame = packDelta({ ...header, from }, { from, count: events.length, events: bytes, deviceByOrdinal });
        expect(
          Buffer.from(frame)
            .subarray(frame.length - bytes.length)
            .equals(bytes),
        ).toBe(true);
        expect(unpackServerFrame(frame)).toEqual({
          type: 'DELTA',
          ...header,
          from,
          to: from + events.length,
          events: events.map((event, i) => received(event, from + i + 1, deviceByOrdinal)),
        });
      }),
      { numRuns: 200 },
    );
  });

  it.each([0, 15, 16, 65_535, 65_536])('[SYN-11] of a delta counts %i events', (count) => {
    expect(unpackUntrusted(joinEvents(count, new Uint8Array(count).fill(0xc0)))).toHaveLength(count);
  });

  it('[SYN-4] of a delta that lacks a device in its table is malformed', () => {
    const [stored] = fc.sample(
      storedArb.filter(({ events }) => events.length > 0),
      { seed: 1, numRuns: 1 },
    );
    const [event] = stored?.events ?? [];
    if (event === undefined) throw new Error('no event was drawn');
    const { prefix, payload } = packEvent(event, event.device);
    const frame = packDelta(
      { from: 0, head: 1 },
      { from: 0, count: 1, events: Buffer.concat([prefix, payload]), deviceByOrdinal: new Map() },
    );
    expect(() => unpackServerFrame(frame)).toThrow(expect.objectContaining({ name: 'MalformedValue', path: 'event.device' }));
  });

  it('[SYN-1] of a deflated frame gives back its stream, and of any other null', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), serverFrameArb, (stream, frame) => {
        expect(Buffer.compare(deflatedBytes(packDeflated(stream)) ?? new Uint8Array(1), stream)).toBe(0);
        expect(deflatedBytes(packServerFrame(frame))).toBeNull();
      }),
      { numRuns: 20 },
    );
  });
});

describe('the JSON form', () => {
  it('[SYN-1] of a client frame parses to that frame, as the schema has it', () => {
    fc.assert(
      fc.property(clientFrameArb, (frame) => {
        const text = JSON.stringify(clientFrameToJson(frame));
        expect(clientFrameSchema.safeParse(JSON.parse(text)).success).toBe(true);
        expect(parseClientFrame(text)).toEqual(frame);
      }),
      { numRuns: 200 },
    );
  });

  it('[SYN-1] of a server frame parses to that frame', () => {
    fc.assert(
      fc.property(fc.oneof(serverFrameArb, deltaArb), (frame) => {
        expect(parseServerFrame(JSON.stringify(serverFrameToJson(frame)))).toEqual(frame);
      }),
      { numRuns: 200 },
    );
  });

  it('[SYN-1] of a server frame is as its schema has it, whatever its events say', () => {
    fc.assert(
      fc.property(deltaArb, (frame) => {
        const parsed = serverFrameSchema.safeParse(JSON.parse(JSON.stringify(serverFrameToJson(frame))));
        expect(parsed.error?.issues ?? []).toEqual([]);
      }),
    );
  });

  it('[SYN-1] and the binary form carry the same', () => {
    fc.assert(
      fc.property(clientFrameArb, (frame) => {
        expect(unpackClientFrame(packClientFrame(parseClientFrame(JSON.stringify(clientFrameToJson(frame)))))).toEqual(frame);
      }),
    );
  });

  it('[SYN-2] of HELLO may leave out flags and epoch, and spell ids in upper case', () => {
    const device = '0190B5A8-7D3F-7C1E-8E5A-1B2C3D4E5F60';
    const hello = { type: 'HELLO', protocol: 1, device, cursor: 0, lastCounter: 0, now: 1 };
    expect(parseClientFrame(JSON.stringify(hello))).toEqual({ ...hello, device: device.toLowerCase(), flags: 0, epoch: null });
  });
});
