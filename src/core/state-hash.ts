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
  const lanes = hashRow(id, seq);
  const low = hash.low + lanes.low;
  return { low: low >>> 0, high: (hash.high + lanes.high + (low > 0xffffffff ? 1 : 0)) >>> 0 };
}

export function removeRow(hash: StateHash, id: MemoryId, seq: number): StateHash {
  const lanes = hashRow(id, seq);
  const low = hash.low - lanes.low;
  return { low: low >>> 0, high: (hash.high - lanes.high - (low < 0 ? 1 : 0)) >>> 0 };
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
function hashRow(id: MemoryId, seq: number): StateHash {
  const seqHigh = Math.floor(seq / 2 ** 32) >>> 0;
  let high = 0x9747b28c;
  let low = 0x5bd1e995;
  for (let i = 0; i < 6; i++) {
    const word = i < 4 ? wordOf(id, i) : i === 4 ? seq >>> 0 : seqHigh;
    high = mix(high, word);
    low = mix(low, word ^ high);
  }
  return { high: finalize(high), low: finalize(low) };
}

/** Of the text `00000000-1111-1111-2222-2222-33333333`: both halves of the word at `index`, each with its place in the text. */
function wordOf(id: MemoryId, index: number): number {
  const at = firstDigits[index] ?? 0;
  const gap = index === 1 || index === 2 ? 1 : 0;
  return (digitsAt(id, at) << 16) | digitsAt(id, at + 4 + gap);
}

/** Where the words begin in the text of an id; the hyphens of words 1 and 2 stand in their middle. */
const firstDigits = [0, 9, 19, 28] as const;

/** Four hexadecimal digits in lower case: no slice of the text, nothing to throw away, a row for each event of a log. */
function digitsAt(id: MemoryId, at: number): number {
  return (
    (nibble(id.charCodeAt(at)) << 12) |
    (nibble(id.charCodeAt(at + 1)) << 8) |
    (nibble(id.charCodeAt(at + 2)) << 4) |
    nibble(id.charCodeAt(at + 3))
  );
}

const nibble = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57);

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
