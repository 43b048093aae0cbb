import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MemoryId } from '../../src/core/ids.ts';
import {
  addRow,
  emptyStateHash,
  moveRow,
  removeRow,
  type StateHash,
  stateHashFromString,
  stateHashToString,
} from '../../src/core/state-hash.ts';
import { memoryIdArb } from '../support/arbitraries.ts';

type Row = readonly [MemoryId, number];

const rowArb: fc.Arbitrary<Row> = fc.tuple(memoryIdArb, fc.maxSafeNat());
const rowsArb = fc.array(rowArb, { maxLength: 20 });

const hashOf = (rows: readonly Row[], from = emptyStateHash) => rows.reduce((hash, [id, seq]) => addRow(hash, id, seq), from);
const toBigInt = ({ high, low }: StateHash) => (BigInt(high) << 32n) | BigInt(low);

describe('state hash', () => {
  it('[SYN-6] does not depend on the order of the rows', () => {
    fc.assert(
      fc.property(
        rowsArb.chain((rows) => fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows, { minLength: rows.length }))),
        ([rows, shuffled]) => {
          expect(hashOf(shuffled)).toEqual(hashOf(rows));
        },
      ),
    );
  });

  it('[SYN-6] is the sum of the rows modulo 2^64', () => {
    fc.assert(
      fc.property(rowsArb, (rows) => {
        const sum = rows.reduce((total, row) => total + toBigInt(hashOf([row])), 0n);
        expect(toBigInt(hashOf(rows))).toBe(BigInt.asUintN(64, sum));
      }),
    );
  });

  it('[SYN-6] a row added and removed leaves no trace', () => {
    fc.assert(
      fc.property(rowsArb, rowArb, (rows, [id, seq]) => {
        const hash = hashOf(rows);
        expect(removeRow(addRow(hash, id, seq), id, seq)).toEqual(hash);
      }),
    );
  });

  it('[SYN-6] moving a row is removing the old seq and adding the new one; from 0 the row is new', () => {
    fc.assert(
      fc.property(rowsArb, memoryIdArb, fc.integer({ min: 1 }), fc.integer({ min: 1 }), (rows, id, from, to) => {
        expect(moveRow(hashOf([...rows, [id, from]]), id, from, to)).toEqual(hashOf([...rows, [id, to]]));
        expect(moveRow(hashOf(rows), id, 0, to)).toEqual(hashOf([...rows, [id, to]]));
      }),
    );
  });

  it('[SYN-6] another seq, another id or a missing row gives another hash', () => {
    fc.assert(
      fc.property(rowsArb, rowArb, rowArb, (rows, [id, seq], [otherId, otherSeq]) => {
        fc.pre(id !== otherId && seq !== otherSeq);
        const hash = hashOf([...rows, [id, seq]]);
        expect(hashOf([...rows, [id, otherSeq]])).not.toEqual(hash);
        expect(hashOf([...rows, [otherId, seq]])).not.toEqual(hash);
        expect(hashOf(rows)).not.toEqual(hash);
      }),
    );
  });

  it('[SYN-6] tells apart seqs that differ only above 32 bits', () => {
    const id = '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60' as MemoryId;
    expect(hashOf([[id, 1]])).not.toEqual(hashOf([[id, 2 ** 32 + 1]]));
  });

  it('[SYN-6] stays what it was: devices and server compare it across releases', () => {
    const id = '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60' as MemoryId;
    expect(stateHashToString(hashOf([[id, 41]]))).toBe('db70789746925883');
    expect(stateHashToString(emptyStateHash)).toBe('0000000000000000');
  });

  it('[SYN-6] survives its 16 hexadecimal digits', () => {
    fc.assert(
      fc.property(rowsArb, (rows) => {
        const text = stateHashToString(hashOf(rows));
        expect(text).toMatch(/^[0-9a-f]{16}$/);
        expect(stateHashFromString(text)).toEqual(hashOf(rows));
      }),
    );
  });
});
