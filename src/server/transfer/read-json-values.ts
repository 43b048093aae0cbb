/** The records of a JSON file, one after the other, without holding the file. */
import { JSONParser } from '@streamparser/json';
import type { Bytes } from './item.ts';

/** `bytes`: the record has at least so many in the file, and at most two pieces more. */
export type JsonValue = { readonly value: unknown; readonly bytes: number } | { readonly problem: string };

/** Where the records are, in a file that is a list and in one that is an object. */
const paths = { array: ['$.*'], object: ['$.memories.*', '$.results.*', '$.conversations.*', '$.chats.*'] } as const;

/**
 * A fault of the syntax ends the file; what came before it was read. A record over the limit is passed over, one that has not
 * ended at sixteen times the limit ends the file.
 */
export async function* readJsonValues(bytes: Bytes, root: keyof typeof paths, maxBytes: number): AsyncGenerator<JsonValue> {
  const reader = createReader(root, maxBytes);
  // Strict, and with its own memory of characters that a piece of the file cuts in two.
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of bytes) {
    for (let from = 0; from < chunk.length; from += pieceBytes) {
      const problem = reader.write(decoder, chunk.subarray(from, from + pieceBytes));
      yield* reader.take();
      if (problem !== null) return yield { problem };
    }
  }
  const problem = reader.end();
  yield* reader.take();
  if (problem !== null) yield { problem };
}

/** A record's size is known to the piece. */
const pieceBytes = 16_384;

function createReader(root: keyof typeof paths, maxBytes: number) {
  let found: JsonValue[] = [];
  let sinceLast = 0;
  const parser = new JSONParser({ paths: [...paths[root]], keepStack: false, stringBufferSize: 65_536 });
  keepMarks(parser);
  parser.onValue = ({ value }) => {
    const bytes = Math.max(0, sinceLast - pieceBytes);
    found.push(bytes > maxBytes ? { problem: `has more than ${maxBytes} bytes` } : { value, bytes });
    sinceLast = 0;
  };
  const guarded = (work: () => void): string | null => {
    try {
      work();
      return null;
    } catch (error) {
      return error instanceof TypeError ? 'the file is not UTF-8' : 'the file is no JSON from here on';
    }
  };
  return {
    write(decoder: InstanceType<typeof TextDecoder>, piece: Uint8Array): string | null {
      sinceLast += piece.length;
      const problem = guarded(() => parser.write(decoder.decode(piece, { stream: true })));
      return problem ?? (sinceLast > 16 * maxBytes ? 'a record has no end' : null);
    },
    end: (): string | null =>
      guarded(() => {
        if (!parser.isEnded) parser.end();
      }) === null
        ? null
        : 'the file ends too early',
    take(): readonly JsonValue[] {
      const taken = found;
      found = [];
      return taken;
    },
  };
}

/**
 * A string may begin with U+FEFF. The parser takes it for the byte order mark of a file and drops it, and has no option for
 * that; so the decoder of its strings is replaced.
 */
function keepMarks(parser: JSONParser): void {
  const strings: unknown = Reflect.get(Reflect.get(parser, 'tokenizer') as object, 'bufferedString');
  Reflect.set(strings as object, 'decoder', new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }));
}
