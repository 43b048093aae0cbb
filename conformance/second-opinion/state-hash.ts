/** The state hash (SYN-6), written from the words of docs/PROTOCOL.md and not from the code of the server. */
import { expectSome } from '../expect.ts';

/** @param rows the id and the row's seq of every memory, deleted ones included. */
export function hashOfRows(rows: Iterable<readonly [id: string, seq: number]>): string {
  let sum = 0n;
  for (const [id, seq] of rows) sum += hashOfRow(id, seq);
  return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
}

function hashOfRow(id: string, seq: number): bigint {
  const hex = id.replaceAll('-', '');
  const words = [0, 8, 16, 24].map((at) => Number.parseInt(hex.slice(at, at + 8), 16));
  const long = BigInt(seq);
  words.push(Number(BigInt.asUintN(32, long)), Number(long >> 32n));
  let high = 0x9747b28c;
  let low = 0x5bd1e995;
  for (const word of words) {
    high = murmurMix(high, word);
    low = murmurMix(low, word ^ high);
  }
  return (BigInt(murmurFinal(high, 24)) << 32n) | BigInt(murmurFinal(low, 24));
}

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** One block of MurmurHash3_x86_32. */
function murmurMix(hash: number, block: number): number {
  const mixed = Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(hash ^ mixed, 13), 5) + 0xe6546b64) | 0;
}

function murmurFinal(hash: number, length: number): number {
  const multipliers = [0x85ebca6b, 0xc2b2ae35];
  const shifts = [16, 13, 16];
  let value = hash ^ length;
  for (const [index, shift] of shifts.entries()) {
    value ^= value >>> shift;
    if (index < multipliers.length) value = Math.imul(value, expectSome('a multiplier', multipliers[index]));
  }
  return value >>> 0;
}
