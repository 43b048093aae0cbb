/** Bytes as lines, those of a chunk together. A line that is too long is passed over without being kept. */
import type { Bytes } from './item.ts';

/** Null: the line is too long, or no UTF-8, as `problem` says. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string | null;
  readonly problem?: string;
}

const newline = 0x0a;

export async function* readLines(bytes: Bytes, maxBytes: number): AsyncGenerator<readonly Line[]> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 0;
  const keep = (part: Uint8Array): void => {
    length += part.length;
    if (length <= maxBytes) parts.push(part);
    else parts = [];
  };
  const take = (): Line => {
    const line = toLine(++number, parts, length > maxBytes ? `has more than ${maxBytes} bytes` : null);
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of bytes) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      keep(chunk.subarray(from, at));
      from = at + 1;
      lines.push(take());
    }
    if (from < chunk.length) keep(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (length > 0) yield [take()];
}

function toLine(number: number, parts: readonly Uint8Array[], tooLong: string | null): Line {
  if (tooLong !== null) return { number, text: null, problem: tooLong };
  try {
    const text = strictDecode(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));
    return { number, text: number === 1 ? text.replace(/^\uFEFF/, '') : text };
  } catch {
    return { number, text: null, problem: 'is not UTF-8' };
  }
}

/** Wrong bytes are refused: replacing them would store what nobody wrote. */
const strictDecode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
