import { expect, it } from 'vitest';
import { packDelta } from '../../src/protocol/binary-codec.ts';
import type { Delta } from '../../src/protocol/frames.ts';
import { parseServerFrame } from '../../src/protocol/json-codec.ts';
import { packEvent } from '../../src/protocol/wire-events.ts';
import { goldenDevices } from './golden-frames.ts';

const [, [ordinal, device]] = goldenDevices;

/** One memory created, as a script would: 360 bytes of JSON or so. */
const event = {
  seq: 42,
  device,
  counter: 8,
  hlc: '1764000000000-0',
  at: '2025-11-24T16:00:00.100Z',
  memoryId: '0190b5a9-0000-7000-8000-0000000000a1',
  kind: 'create',
  outcome: 'applied',
  patch: [
    { op: 'add', path: '/content', value: 'likes tea' },
    { op: 'add', path: '/type', value: 'preference' },
    { op: 'add', path: '/scope', value: 'user_global' },
  ],
};

const delta = parseServerFrame(JSON.stringify({ type: 'DELTA', from: 41, to: 42, head: 42, events: [event] })) as Delta;

it('[SYN-1] [SYN-11] an event takes at most 0.45 of its JSON bytes', () => {
  const jsonBytes = Buffer.byteLength(JSON.stringify(event));
  expect(jsonBytes).toBeGreaterThan(340);
  expect(jsonBytes).toBeLessThan(390);
  const [stored] = delta.events.map((received) => packEvent(received, ordinal));
  const bytes = (stored?.prefix.length ?? 0) + (stored?.payload.length ?? 0);
  expect(bytes / jsonBytes).toBeLessThanOrEqual(0.45);
});

it('[SYN-1] [SYN-11] a DELTA of a hundred events takes at most 0.3 of its JSON bytes, device table and all', () => {
  const events = Array.from({ length: 100 }, () => event);
  const jsonBytes = Buffer.byteLength(JSON.stringify({ ...delta, events }));
  const stored = delta.events.map((received) => packEvent(received, ordinal));
  const once = Buffer.concat(stored.flatMap(({ prefix, payload }) => [prefix, payload]));
  const deviceByOrdinal = new Map([[ordinal as number, delta.events[0]?.device ?? ('' as never)]]);
  const frame = packDelta(delta, { from: 41, count: 100, events: Buffer.concat(new Array(100).fill(once)), deviceByOrdinal });
  expect(frame.length / jsonBytes).toBeLessThanOrEqual(0.3);
});
