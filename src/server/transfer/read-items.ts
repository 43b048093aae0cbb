/** A file of any format as its records. */
import { detectContainer, headBytes } from './detect-format.ts';
import { type Bytes, type Content, fault, type Item, transferLimits } from './item.ts';
import { readCsv } from './read-csv.ts';
import { readJsonValues } from './read-json-values.ts';
import { readLines } from './read-lines.ts';
import { readMarkdown } from './read-markdown.ts';
import { type JsonFormat, jsonFormats, valueToContents } from './value-contents.ts';

export const fileFormats = [...jsonFormats, 'csv', 'markdown', 'zip'] as const;
export type FileFormat = (typeof fileFormats)[number];

/** The file is none that is known; nothing was read of it. */
export class UnknownFormat extends Error {
  override readonly name = 'UnknownFormat';
}

/**
 * As they are read, some at a time: a step for each would cost half as much as reading it.
 * @param format null: as the file shows. A zip is not read here, its files are. @throws UnknownFormat
 */
export async function* readItems(given: Bytes, format: FileFormat | null): AsyncGenerator<readonly Item[]> {
  const { head, bytes } = await peek(given);
  const found = format === 'csv' || format === 'markdown' ? format : detectContainer(head);
  const json = jsonFormats.find((known) => known === format) ?? 'json';
  if (head.length === 0) return;
  if (format === 'ndjson') return yield* readNdjson(bytes, json);
  switch (found) {
    case 'csv':
      return yield* oneByOne(readCsv(bytes, head));
    case 'markdown':
      return yield* oneByOne(readMarkdown(bytes));
    case 'array':
    case 'object':
      return yield* oneByOne(readJson(bytes, found, json));
    case 'lines':
      return yield* readNdjson(bytes, json);
    default:
      throw new UnknownFormat('the file is none of the known formats');
  }
}

async function* oneByOne(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  for await (const item of items) yield [item];
}

async function* readNdjson(bytes: Bytes, format: JsonFormat): AsyncGenerator<readonly Item[]> {
  let index = 0;
  const maxBytes = format === 'chatgpt' || format === 'claude' ? transferLimits.conversationBytes : transferLimits.recordBytes;
  for await (const lines of readLines(bytes, maxBytes)) {
    const items: Item[] = [];
    for (const { number, text, problem } of lines) {
      if (text?.trim() === '') continue;
      for (const content of text === null ? [fault('', problem ?? '')] : lineToContents(text, format))
        items.push({ ...content, index, place: `line ${number}` });
      index++;
    }
    yield items;
  }
}

function lineToContents(text: string, format: JsonFormat): readonly Content[] {
  try {
    return valueToContents(JSON.parse(text), format);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [fault('', 'is no JSON', 'invalid_json')];
  }
}

/** How large a record may be shows by what it is: a conversation holds hundreds of messages. */
function boundedContents({ value, bytes }: { readonly value: unknown; readonly bytes: number }, format: JsonFormat) {
  const contents = valueToContents(value, format);
  const isConversation = contents.some((content) => 'conversation' in content);
  if (bytes <= transferLimits.recordBytes || isConversation) return contents;
  return [fault('', `has more than ${transferLimits.recordBytes} bytes`)];
}

async function* readJson(bytes: Bytes, root: 'array' | 'object', format: JsonFormat): AsyncGenerator<Item> {
  let index = 0;
  for await (const read of readJsonValues(bytes, root, transferLimits.conversationBytes)) {
    const place = `record ${index + 1}`;
    const contents = 'problem' in read ? [fault('', read.problem, 'invalid_json')] : boundedContents(read, format);
    for (const content of contents) yield { ...content, index, place };
    index++;
  }
}

/** The beginning of a file, and the whole of it. */
export async function peek(
  bytes: Bytes,
  size: number = headBytes,
): Promise<{ readonly head: Uint8Array; readonly bytes: Bytes }> {
  const source = bytes[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < size) {
    const next = await source.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  return { head: Buffer.concat(first).subarray(0, size), bytes: joined(first, source) };
}

async function* joined(first: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
