/**
 * MessagePack by msgpackr, without its record extension: any standard library reads and writes these bytes. What comes
 * from outside goes through `unpackUntrusted`, which walks the structure first, so that depth, lengths and text are known
 * to be sound before anything is built.
 */
import { Packr, Unpackr } from 'msgpackr';
import { wireLimits } from './limits.ts';
import { MalformedValue } from './packed-values.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** The bytes are the caller's own. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value) as Uint8Array;
}

/** Bytes that we wrote ourselves. */
export function unpack(bytes: Uint8Array): unknown {
  return unpackr.unpack(bytes);
}

/** @throws MalformedValue unless the bytes are exactly one sound MessagePack value without extension types. */
export function unpackUntrusted(bytes: Uint8Array): unknown {
  assertSound(bytes);
  try {
    return unpackr.unpack(bytes);
  } catch {
    // Sound bytes fail for one reason: msgpackr makes no object of a map whose keys are arrays, maps, bytes.
    throw new MalformedValue('', 'has a map whose keys are no text');
  }
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Walks the value without recursion. `remaining` holds, for each open array or map, the items still to come. */
function assertSound(bytes: Uint8Array): void {
  const remaining: number[] = [1];
  let at = 0;
  while (remaining.length > 0) {
    const depth = remaining.length - 1;
    const left = remaining[depth] ?? 0;
    if (left === 0) {
      remaining.pop();
      continue;
    }
    remaining[depth] = left - 1;
    const head = readHead(bytes, at);
    at = head.end;
    if (head.items === 0) continue;
    if (head.items > bytes.length - at) throw new MalformedValue('', 'is cut short');
    if (depth >= wireLimits.maxDepth) throw new MalformedValue('', `is nested deeper than ${wireLimits.maxDepth}`);
    remaining.push(head.items);
  }
  if (at !== bytes.length) throw new MalformedValue('', 'has bytes after its end');
}

interface Head {
  /** Where the next value begins: after the whole of a scalar, after the header of an array or map. */
  readonly end: number;
  readonly items: number;
}

function readHead(bytes: Uint8Array, at: number): Head {
  const code = bytes[at];
  if (code === undefined) throw new MalformedValue('', 'is cut short');
  if (code <= 0x7f || code >= 0xe0) return scalar(bytes, at + 1);
  if (code <= 0x8f) return { end: at + 1, items: 2 * (code & 0x0f) };
  if (code <= 0x9f) return { end: at + 1, items: code & 0x0f };
  if (code <= 0xbf) return textScalar(bytes, at + 1, code & 0x1f);
  return readWideHead(bytes, at, code);
}

function readWideHead(bytes: Uint8Array, at: number, code: number): Head {
  const fixed = fixedBytes[code];
  if (fixed !== undefined) return scalar(bytes, at + 1 + fixed);
  const sizeBytes = lengthBytes[code];
  if (sizeBytes === undefined) throw new MalformedValue('', `has a type that is not allowed: 0x${code.toString(16)}`);
  const start = at + 1 + sizeBytes;
  const size = readUint(bytes, at + 1, sizeBytes);
  if (code <= 0xc6) return scalar(bytes, start + size);
  if (code <= 0xdb) return textScalar(bytes, start, size);
  return { end: start, items: code <= 0xdd ? size : 2 * size };
}

/** Bytes after the code: nil, false, true, floats and integers. */
const fixedBytes: Readonly<Record<number, number>> = {
  0xc0: 0,
  0xc2: 0,
  0xc3: 0,
  0xca: 4,
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
};

/** Bytes of the length after the code: bin, str, array, map. Extension types have none: they are refused. */
const lengthBytes: Readonly<Record<number, number>> = {
  0xc4: 1,
  0xc5: 2,
  0xc6: 4,
  0xd9: 1,
  0xda: 2,
  0xdb: 4,
  0xdc: 2,
  0xdd: 4,
  0xde: 2,
  0xdf: 4,
};

function readUint(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function scalar(bytes: Uint8Array, end: number): Head {
  if (end > bytes.length) throw new MalformedValue('', 'is cut short');
  return { end, items: 0 };
}

function textScalar(bytes: Uint8Array, start: number, length: number): Head {
  const head = scalar(bytes, start + length);
  if (!isUtf8(bytes, start, head.end)) throw new MalformedValue('', 'has text that is not UTF-8');
  return head;
}

/** RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; ) {
    const first = bytes[i] ?? 0;
    if (first < 0x80) {
      i++;
      continue;
    }
    const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || i + length > end) return false;
    const second = bytes[i + 1] ?? 0;
    if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return false;
    if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return false;
    for (let j = 1; j < length; j++) if (((bytes[i + j] ?? 0) & 0xc0) !== 0x80) return false;
    i += length;
  }
  return true;
}
