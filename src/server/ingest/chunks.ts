/** A conversation in pieces that a model reads well. */
import type { Message } from './conversation.ts';

export const chunkLimits = {
  /** About 3,000 tokens of 4 characters. A message is only split when it alone is longer. */
  chars: 12_000,
  /** Of what came before, to understand it by. */
  contextChars: 1_200,
} as const;

/** One message, or a part of a long one. */
export interface ChunkPart {
  readonly message: Message;
  readonly text: string;
}

export interface Chunk {
  /** What is read for memories. */
  readonly parts: readonly ChunkPart[];
  /** What was said just before; it was read already. */
  readonly context: readonly ChunkPart[];
}

/** @param isNew of a message that is to be read; the others are context at most. */
export function toChunks(messages: readonly Message[], isNew: (message: Message) => boolean): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let parts: ChunkPart[] = [];
  let before: ChunkPart[] = [];
  let context: readonly ChunkPart[] = [];
  let size = 0;
  const close = (): void => {
    if (parts.length > 0) chunks.push({ parts, context });
    parts = [];
    size = 0;
  };
  for (const message of messages) {
    const pieces = isNew(message) ? splitLong(message.content) : [message.content];
    for (const text of pieces) {
      if (isNew(message)) {
        if (size + text.length > chunkLimits.chars) close();
        if (parts.length === 0) context = endOf(before);
        parts.push({ message, text });
        size += text.length;
      }
      before = [...endOf(before), { message, text }];
    }
  }
  close();
  return chunks;
}

/** Nothing that a model says of so little is cut off for its length. */
const minHalvedChars = 200;

/** Two halves, for a model whose answer to the whole was cut off; null where there is but one part that is short. */
export function halve({ parts, context }: Chunk): readonly [Chunk, Chunk] | null {
  const [only] = parts;
  if (only === undefined || (parts.length === 1 && only.text.length < minHalvedChars)) return null;
  const pieces = parts.length > 1 ? parts : halfTexts(only.text).map((text) => ({ message: only.message, text }));
  const middle = Math.ceil(pieces.length / 2);
  const first = { parts: pieces.slice(0, middle), context };
  return [first, { parts: pieces.slice(middle), context: endOf([...context, ...first.parts]) }];
}

const halfTexts = (text: string): readonly string[] => {
  const at = splitPoint(text, Math.ceil(text.length / 2));
  return [text.slice(0, at), text.slice(at)];
};

/** The last parts within the bound; the first of them shortened to its end. */
function endOf(parts: readonly ChunkPart[]): ChunkPart[] {
  const end: ChunkPart[] = [];
  let left: number = chunkLimits.contextChars;
  for (const { message, text } of [...parts].reverse()) {
    if (left <= 0) break;
    const kept = text.slice(-left).replace(/^[\udc00-\udfff]/, '');
    end.unshift({ message, text: kept });
    left -= text.length;
  }
  return end;
}

function splitLong(text: string): readonly string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > chunkLimits.chars) {
    const at = splitPoint(rest, chunkLimits.chars);
    pieces.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return [...pieces, rest];
}

/** After the last paragraph, line, sentence or word before `max`, in this order of preference; never within a character. */
function splitPoint(text: string, max: number): number {
  const head = text.slice(0, max);
  for (const end of ['\n\n', '\n', '. ', ' ']) {
    const at = head.lastIndexOf(end);
    if (at > max / 2) return at + end.length;
  }
  return /[\ud800-\udbff]$/.test(head) ? max - 1 : max;
}
