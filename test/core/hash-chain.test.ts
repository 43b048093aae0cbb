import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conflictId, eventHash, genesisHash, payloadHash, type Sha256, saltBytes } from '../../src/core/hash-chain.ts';
import type { Epoch, MemoryId } from '../../src/core/ids.ts';
import { utf8 } from '../../src/core/utf8.ts';
import { idArb, memoryIdArb, textArb } from '../support/arbitraries.ts';

const sha256: Sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

interface Link {
  readonly header: Uint8Array;
  readonly salt: Uint8Array | null;
  readonly payload: Uint8Array | null;
  readonly payloadHash: Uint8Array;
  readonly hash: Uint8Array;
}

const epochArb = idArb<Epoch>();
const bytesArb = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const inputArb = fc.record({ header: bytesArb(1, 24), salt: bytesArb(saltBytes, saltBytes), payload: bytesArb(0, 24) });

/** As the log does it: the header begins with the seq. */
function chain(epoch: Epoch, inputs: readonly { header: Uint8Array; salt: Uint8Array; payload: Uint8Array }[]): Link[] {
  let previous = genesisHash(sha256, epoch);
  return inputs.map(({ header, salt, payload }, index) => {
    const numbered = Uint8Array.of(index + 1, ...header);
    const committed = payloadHash(sha256, salt, payload);
    previous = eventHash(sha256, previous, numbered, committed);
    return { header: numbered, salt, payload, payloadHash: committed, hash: previous };
  });
}

function isValid(epoch: Epoch, links: readonly Link[]): boolean {
  let previous = genesisHash(sha256, epoch);
  return links.every(({ header, salt, payload, payloadHash: committed, hash }) => {
    if (salt !== null && payload !== null && !equal(payloadHash(sha256, salt, payload), committed)) return false;
    previous = eventHash(sha256, previous, header, committed);
    return equal(previous, hash);
  });
}

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at % bytes.length ? byte ^ 1 : byte));

describe('hash chain', () => {
  it('[LOG-4] a chain verifies, and not under another epoch', () => {
    fc.assert(
      fc.property(epochArb, epochArb, fc.array(inputArb, { minLength: 1 }), (epoch, other, inputs) => {
        fc.pre(epoch !== other);
        expect(isValid(epoch, chain(epoch, inputs))).toBe(true);
        expect(isValid(other, chain(epoch, inputs))).toBe(false);
      }),
    );
  });

  it('[LOG-4] one changed bit of any event breaks it', () => {
    const fieldArb = fc.constantFrom('header', 'salt', 'payload', 'payloadHash', 'hash');
    fc.assert(
      fc.property(
        epochArb,
        fc.array(inputArb, { minLength: 1 }),
        fc.nat(),
        fc.nat(),
        fieldArb,
        (epoch, inputs, which, at, field) => {
          const links = chain(epoch, inputs);
          const changed = links.map((link, i) => {
            const bytes = link[field];
            if (i !== which % links.length || bytes === null) return link;
            return { ...link, [field]: bytes.length === 0 ? Uint8Array.of(1) : flip(bytes, at) };
          });
          expect(isValid(epoch, changed)).toBe(false);
        },
      ),
    );
  });

  it('[LOG-4] swapping, dropping or repeating an event breaks it', () => {
    fc.assert(
      fc.property(epochArb, fc.array(inputArb, { minLength: 3, maxLength: 6 }), fc.nat(), (epoch, inputs, which) => {
        const links = chain(epoch, inputs);
        const at = which % (links.length - 1);
        expect(isValid(epoch, links.with(at, links[at + 1] as Link).with(at + 1, links[at] as Link))).toBe(false);
        expect(isValid(epoch, links.toSpliced(at, 1))).toBe(false);
        expect(isValid(epoch, links.toSpliced(at, 0, links[at] as Link))).toBe(false);
      }),
    );
  });

  it('[LOG-3] [LOG-4] erasing payload and salt keeps the chain valid as long as the payload hash stays', () => {
    fc.assert(
      fc.property(epochArb, fc.array(inputArb, { minLength: 1 }), fc.nat(), (epoch, inputs, which) => {
        const links = chain(epoch, inputs);
        const at = which % links.length;
        const link = links[at] as Link;
        expect(isValid(epoch, links.with(at, { ...link, salt: null, payload: null }))).toBe(true);
        const forged = { ...link, salt: null, payload: null, payloadHash: flip(link.payloadHash, 0) };
        expect(isValid(epoch, links.with(at, forged))).toBe(false);
      }),
    );
  });

  it('[LOG-4] the same payload under another salt has another hash, so an erased text cannot be guessed', () => {
    const payload = utf8('the same');
    expect(payloadHash(sha256, new Uint8Array(saltBytes), payload)).not.toEqual(
      payloadHash(sha256, new Uint8Array(saltBytes).fill(1), payload),
    );
  });

  it('[LOG-4] stays what it was: a log outlives the code', () => {
    const epoch = '11111111-2222-4333-8444-555555555555' as Epoch;
    expect(Buffer.from(genesisHash(sha256, epoch)).toString('hex')).toBe(
      'd3b60237cba5cfc608decf4c97afe559a451fb16ce291aad3fe4d4d549a38cd8',
    );
  });

  it('[LOG-6] the id of a conflict follows from what it is about: rebuilding finds the same one', () => {
    const epoch = '11111111-2222-4333-8444-555555555555' as Epoch;
    const memory = '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60' as MemoryId;
    expect(conflictId(sha256, epoch, memory, 'tags/größe', 43)).toBe('7a4e36ea-b450-8da8-bcc7-5ad689b91152');
  });

  it('[MRG-3] the id of a conflict is a UUIDv8, another one for another register, loser, memory or epoch', () => {
    fc.assert(
      fc.property(epochArb, memoryIdArb, epochArb, memoryIdArb, fc.nat(), (epoch, memory, otherEpoch, otherMemory, seq) => {
        fc.pre(epoch !== otherEpoch && memory !== otherMemory);
        const id = conflictId(sha256, epoch, memory, 'content', seq);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        const others = [
          conflictId(sha256, epoch, memory, 'content', seq + 1),
          conflictId(sha256, epoch, memory, 'type', seq),
          conflictId(sha256, epoch, otherMemory, 'content', seq),
          conflictId(sha256, otherEpoch, memory, 'content', seq),
        ];
        expect(new Set([id, ...others]).size).toBe(5);
      }),
    );
  });

  it('[LOG-4] text is hashed as the UTF-8 of the standard', () => {
    fc.assert(
      fc.property(textArb(40), (text) => {
        expect(utf8(text)).toEqual(new Uint8Array(new TextEncoder().encode(text)));
      }),
    );
  });
});
