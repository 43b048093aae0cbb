import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DeviceId, SessionId, UserId } from '../../../src/core/ids.ts';
import { type Ended, type HintBody, hintBytes, readHint, writeHint } from '../../../src/server/fanout/hint-message.ts';

const id = <T>() => fc.uuid() as unknown as fc.Arbitrary<T>;
const headArb = fc.tuple(id<UserId>(), fc.maxSafeNat());
const endedArb: fc.Arbitrary<Ended> = fc.record(
  { userId: id<UserId>(), sessionId: id<SessionId>(), deviceId: id<DeviceId>() },
  { requiredKeys: ['userId'] },
);
const bodyArb: fc.Arbitrary<HintBody> = fc.oneof(
  fc.record({ kind: fc.constant('probe' as const), shard: fc.nat(100) }),
  fc.record({ kind: fc.constant('heads' as const), heads: fc.array(headArb, { minLength: 1 }) }),
  fc.record({ kind: fc.constant('ended' as const), ended: fc.array(endedArb, { minLength: 1 }) }),
);

it('[SYN-7] a hint is read as it was written, and is as long as it is counted to be', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(), bodyArb, (node, stamp, body) => {
      const text = writeHint({ node, stamp, body });
      expect(readHint(text)).toEqual({ node, stamp, body });
      const itemsBytes =
        body.kind === 'heads'
          ? body.heads.length * hintBytes.head
          : body.kind === 'ended'
            ? body.ended.length * hintBytes.ended
            : 3;
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(hintBytes.frame + itemsBytes);
    }),
  );
});

it('[SYN-7] whatever else comes over the channel is passed over', () => {
  fc.assert(fc.property(fc.string(), (text) => void readHint(text)));
  for (const text of ['', 'a|1|h', 'a|1|z|x', 'a|x|p|1', '|1|p|1', 'a|1|p|-1', 'a||p|1', 'a|1|p|1|more']) {
    expect(readHint(text)).toBeNull();
  }
  expect(readHint('a|1|h|nobody:3,00000000-0000-4000-8000-000000000001:x')).toMatchObject({ body: { heads: [] } });
});

it('[SYN-9] the end of a session whose id cannot be read is not taken for the end of everything', () => {
  const userId = '00000000-0000-4000-8000-000000000001';
  expect(readHint(`a|1|e|${userId}:nonsense:,${userId}::nonsense`)).toMatchObject({ body: { ended: [] } });
  expect(readHint(`a|1|e|${userId}::`)).toMatchObject({ body: { ended: [{ userId }] } });
});
