/**
 * The order-independent hash of a replica (SYN-6): the sum modulo 2^64 of one hash per (memory, row seq). Adding and
 * removing a row costs the same, so both sides keep it up incrementally. It finds divergence; it is no defence against
 * forgery, which is the chain's work.
 */
import type { MemoryId } from './ids.ts';

export interface StateHash {
  /** Upper and lower 32 bits, unsigned. */
  readonly high: number;
  readonly low: number;
}

export const emptyStateHash: StateHash = { high: 0, low: 0 };

export function addRow(hash: StateHash, id: MemoryId, seq: number): StateHash {
  const row = rowHash(id, seq);
  const low = hash.low + row.low;
  return { low: low >>> 0, high: (hash.high + row.high + (low > 0xffffffff ? 1 : 0)) >>> 0 };
}

export function removeRow(hash: StateHash, id: MemoryId, seq: number): StateHash {
  const row = rowHash(id, seq);
  const low = hash.low - row.low;
  return { low: low >>> 0, high: (hash.high - row.high - (low < 0 ? 1 : 0)) >>> 0 };
}

/** Of all rows anew. */
export function hashRows(rows: Iterable<{ readonly id: MemoryId; readonly seq: number }>): StateHash {
  let hash = emptyStateHash;
  for (const { id, seq } of rows) hash = addRow(hash, id, seq);
  return hash;
}

/** The row's new seq in place of its old one; 0 stands for a row that was not there. */
export function moveRow(hash: StateHash, id: MemoryId, from: number, to: number): StateHash {
  return addRow(from === 0 ? hash : removeRow(hash, id, from), id, to);
}

/** 16 hexadecimal digits. */
export function stateHashToString(hash: StateHash): string {
  return hash.high.toString(16).padStart(8, '0') + hash.low.toString(16).padStart(8, '0');
}

export function stateHashFromString(text: string): StateHash {
  return { high: Number.parseInt(text.slice(0, 8), 16), low: Number.parseInt(text.slice(8, 16), 16) };
}

/** Two lanes of MurmurHash3's 32-bit mix over the id's 16 bytes, as four words of its text, and the seq. */
function rowHash(id: MemoryId, seq: number): StateHash {
  const words = wordsOf(id);
  const seqLow = seq >>> 0;
  const seqHigh = Math.floor(seq / 2 ** 32) >>> 0;
  let high = 0x9747b28c;
  let low = 0x5bd1e995;
  for (const word of [...words, seqLow, seqHigh]) {
    high = mix(high, word);
    low = mix(low, word ^ high);
  }
  return { high: finalize(high), low: finalize(low) };
}

function wordsOf(id: MemoryId): [number, number, number, number] {
  return [
    Number.parseInt(id.slice(0, 8), 16),
    Number.parseInt(id.slice(9, 13) + id.slice(14, 18), 16),
    Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16),
    Number.parseInt(id.slice(28, 36), 16),
  ];
}

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const h = hash ^ Math.imul(k, 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finalize(hash: number): number {
  let h = hash ^ 24;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
