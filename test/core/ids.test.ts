import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idFromBytes, idSchema, idToBytes, parseId } from '../../src/core/ids.ts';
import { memoryIdArb } from '../support/arbitraries.ts';

const noIds = [
  '',
  'x',
  '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f6',
  '0190b5a87d3f7c1e8e5a1b2c3d4e5f60',
  `${'0'.repeat(8)}-gggg-0000-0000-${'0'.repeat(12)}`,
];

describe('ids', () => {
  it('[SYN-1] an id survives its 16 bytes', () => {
    fc.assert(
      fc.property(memoryIdArb, (id) => {
        expect(idFromBytes(idToBytes(id))).toBe(id);
      }),
    );
  });

  it('[SEC-2] an id is taken in upper case and kept in lower case', () => {
    fc.assert(
      fc.property(memoryIdArb, (id) => {
        expect(parseId(id.toUpperCase())).toBe(id);
        expect(idSchema().parse(id.toUpperCase())).toBe(id);
      }),
    );
  });

  it.each([...noIds, null, 7, {}])('[SEC-2] %j is no id', (value) => {
    expect(parseId(value)).toBeNull();
    expect(idSchema().safeParse(value).success).toBe(false);
  });

  it('[SEC-2] other than 16 bytes are no id', () => {
    expect(() => idFromBytes(new Uint8Array(15))).toThrow(RangeError);
  });
});
