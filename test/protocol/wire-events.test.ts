import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serverDeviceId } from '../../src/core/ids.ts';
import { unpack, unpackUntrusted } from '../../src/protocol/message-pack.ts';
import { erasedPayload, eventFromPacked, packEvent } from '../../src/protocol/wire-events.ts';
import { deviceIdArb } from '../support/arbitraries.ts';
import { type EventToStore, eventArb } from './frame-arbitraries.ts';

const joined = (event: EventToStore) => {
  const { prefix, payload } = packEvent(event, event.device);
  return Buffer.concat([prefix, payload]);
};

describe('stored events', () => {
  it('[SYN-11] an event survives its stored form: every outcome, code, loss and conflict, erased or not', () => {
    fc.assert(
      fc.property(eventArb, deviceIdArb, fc.nat(), (event, device, seq) => {
        const item = unpackUntrusted(joined(event));
        expect(eventFromPacked(item, seq, new Map([[event.device, device]]))).toEqual({ ...event, seq, device });
      }),
      { numRuns: 150 },
    );
  });

  it('[LOG-3] erasing takes patch and extras, which name tags, and leaves the rest as it was', () => {
    fc.assert(
      fc.property(eventArb, (event) => {
        const { prefix } = packEvent(event, event.device);
        const erased = eventFromPacked(
          unpack(Buffer.concat([prefix, erasedPayload(prefix)])),
          1,
          new Map([[event.device, serverDeviceId]]),
        );
        const { code: _, collected: __, ...kept } = event;
        expect(erased).toEqual({ ...kept, seq: 1, device: serverDeviceId, change: null, lost: [], conflicts: [] });
      }),
    );
  });

  it('[SYN-11] the same event always has the same bytes', () => {
    fc.assert(
      fc.property(eventArb, (event) => {
        expect(joined(structuredClone(event)).equals(joined(event))).toBe(true);
      }),
    );
  });

  it('[SYN-11] bytes that were packed stay as they are when more is packed', () => {
    const [first, ...others] = fc.sample(eventArb, { seed: 7, numRuns: 200 });
    if (first === undefined) throw new Error('no event was drawn');
    const { prefix, payload } = packEvent(first, first.device);
    const copy = Buffer.concat([prefix, payload]);
    for (const other of others) packEvent(other, other.device);
    expect(Buffer.concat([prefix, payload]).equals(copy)).toBe(true);
  });
});
