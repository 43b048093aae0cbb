/** CSV with a line of names. */
import { CsvError, parse } from 'csv-parse';
import { type Bytes, type Content, fault, type Item, transferLimits } from './item.ts';
import { toMemory } from './memory-record.ts';
import type { Fields } from './values.ts';

/** Our name of a column, by what it may be called. */
const nameByHeader: ReadonlyMap<string, string> = new Map(
  Object.entries({
    id: ['id', 'uuid', 'memory_id', 'memoryid'],
    content: ['content', 'memory', 'text', 'note', 'value', 'body', 'fact'],
    type: ['type', 'kind'],
    scope: ['scope'],
    confidence: ['confidence', 'score'],
    tags: ['tags', 'tag', 'labels', 'categories', 'category'],
    createdAt: ['createdat', 'created_at', 'created', 'date', 'timestamp'],
    updatedAt: ['updatedat', 'updated_at', 'updated', 'modified'],
    url: ['url', 'link', 'source.url', 'source_url', 'sourceurl'],
    platform: ['platform', 'source', 'source.platform', 'source_platform'],
    sourceTimestamp: ['source.timestamp', 'source_timestamp'],
    conversationId: ['conversationid', 'conversation_id', 'source.conversationid'],
    title: ['title', 'source.title', 'page_title'],
    deleted: ['deleted'],
  }).flatMap(([name, headers]) => headers.map((header) => [header, name] as const)),
);

export const isCsvHeader = (line: string): boolean =>
  line.split(/[,;\t]/).some((name) => nameByHeader.get(normalize(name.replaceAll('"', ''))) === 'content');

/** @param head the beginning of the file, which shows what separates its columns. */
export async function* readCsv(bytes: Bytes, head: Uint8Array): AsyncGenerator<Item> {
  const parser = parse({
    bom: true,
    columns: (names: readonly string[]) => names.map((name) => nameByHeader.get(normalize(name)) ?? false),
    delimiter: delimiterOf(head),
    info: true,
    max_record_size: transferLimits.recordBytes,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  const rows = parser[Symbol.asyncIterator]() as AsyncIterator<{
    readonly record: Fields;
    readonly info: { readonly lines: number };
  }>;
  const feeding = feed(bytes, parser);
  let index = 0;
  try {
    for (;;) {
      const next = await rows.next();
      if (next.done === true) break;
      const { record, info } = next.value;
      yield { ...rowToContent(record), index: index++, place: `line ${info.lines}` };
    }
  } catch (error) {
    if (!(error instanceof CsvError || error instanceof WrongEncoding)) throw error;
    yield { ...fault('', whyUnreadable(error)), index, place: `after record ${index}` };
  }
  parser.destroy();
  await feeding;
}

/** The one that the names stand apart by most often. */
function delimiterOf(head: Uint8Array): string {
  const [names = ''] = new TextDecoder().decode(head).split(/\r?\n/, 1);
  const count = (delimiter: string): number => names.split(delimiter).length;
  return [',', ';', '\t'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

function whyUnreadable(error: CsvError | WrongEncoding): string {
  if (error instanceof WrongEncoding) return 'the file is not UTF-8';
  return error.code === 'CSV_MAX_RECORD_SIZE'
    ? `has more than ${transferLimits.recordBytes} bytes`
    : 'the file is no CSV from here on';
}

class WrongEncoding extends Error {
  override readonly name = 'WrongEncoding';
}

/** An error of the source comes out where the rows are read. */
async function feed(bytes: Bytes, parser: ReturnType<typeof parse>): Promise<void> {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    for await (const chunk of bytes) {
      if (parser.destroyed) return;
      if (!parser.write(decoder.decode(chunk, { stream: true }))) await drained(parser);
    }
    parser.end();
  } catch (error) {
    parser.destroy(error instanceof TypeError ? new WrongEncoding() : (error as Error));
  }
}

const drained = (parser: ReturnType<typeof parse>): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      parser.off('drain', done).off('close', done);
      resolve();
    };
    parser.on('drain', done).on('close', done);
  });

function rowToContent(row: Fields): Content {
  const { tags, confidence, createdAt, updatedAt, url, platform, sourceTimestamp, conversationId, title, deleted, ...rest } = row;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ''));
  const isEmpty = [url, platform, sourceTimestamp, conversationId, title].every((part) => part === undefined || part === '');
  return toMemory({
    ...given,
    ...(typeof confidence === 'string' && confidence !== '' && { confidence: Number(confidence) }),
    tags: splitTags(typeof tags === 'string' ? tags : ''),
    ...(deleted === 'true' && { deleted: true }),
    createdAt: toTime(createdAt),
    updatedAt: toTime(updatedAt),
    source: isEmpty ? null : { url, platform, timestamp: sourceTimestamp, conversationId, title },
  });
}

const toTime = (value: unknown): unknown => (value === '' ? null : value);

/** Separated by `;`; `\;` and `\\` are the characters themselves. */
function splitTags(text: string): readonly string[] {
  const tags = text.match(/(?:\\.|[^;\\])+/gs) ?? [];
  return tags.map((tag) => tag.replace(/\\(.)/gs, '$1')).filter((tag) => tag !== '');
}

export const joinTags = (tags: readonly string[]): string => tags.map((tag) => tag.replace(/[\\;]/g, '\\$&')).join(';');

const normalize = (name: string): string => name.trim().toLowerCase().replaceAll(' ', '_');
