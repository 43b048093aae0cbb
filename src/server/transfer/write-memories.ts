/** Memories as a file of one of our formats, which an import takes back as they were. */
import { stringify } from 'csv-stringify/sync';
import type { Memory } from '../../core/memory.ts';
import { joinTags } from './read-csv.ts';
import { markdownMark } from './read-markdown.ts';

export const exportFormats = ['ndjson', 'json', 'markdown', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Nothing comes before the first page was read: until then a reader can still be told that it failed. */
export async function* writeMemories(pages: AsyncIterable<readonly Memory[]>, format: ExportFormat): AsyncGenerator<string> {
  const { head, page: write, tail } = writers[format];
  let unwritten = head;
  let isFirst = true;
  for await (const memories of pages) {
    if (memories.length === 0) continue;
    yield unwritten + write(memories, isFirst);
    unwritten = '';
    isFirst = false;
  }
  yield unwritten + tail;
}

interface FileWriter {
  readonly head: string;
  readonly page: (memories: readonly Memory[], isFirst: boolean) => string;
  readonly tail: string;
}

const csvColumns = [
  'id',
  'content',
  'type',
  'scope',
  'confidence',
  'tags',
  'url',
  'platform',
  'source.timestamp',
  'conversationId',
  'title',
  'createdAt',
  'updatedAt',
  'deleted',
];

const writers: Readonly<Record<ExportFormat, FileWriter>> = {
  ndjson: { head: '', page: (memories) => memories.map((memory) => `${JSON.stringify(toRecord(memory))}\n`).join(''), tail: '' },
  json: {
    head: '{"memories":[',
    page: (memories, isFirst) =>
      (isFirst ? '\n' : ',\n') + memories.map((memory) => JSON.stringify(toRecord(memory))).join(',\n'),
    tail: '\n]}\n',
  },
  markdown: { head: '# Memories\n\n', page: (memories) => memories.map(toListItem).join(''), tail: '' },
  csv: { head: stringify([csvColumns]), page: (memories) => stringify(memories.map(toRow)), tail: '' },
};

/** What an import takes back. */
function toRecord({ id, content, type, scope, confidence, tags, source, createdAt, updatedAt, deleted }: Memory) {
  const times = { createdAt: new Date(createdAt).toISOString(), updatedAt: new Date(updatedAt).toISOString() };
  return { id, content, type, scope, confidence, tags, source, ...times, ...(deleted && { deleted }) };
}

/** The content to be read, and the rest in a comment. */
function toListItem(memory: Memory): string {
  const { content, ...rest } = toRecord(memory);
  const mark = `${markdownMark.before}${JSON.stringify(rest).replaceAll('>', '\\u003e')}${markdownMark.after}`;
  return `- ${content.replaceAll('\n', '\n  ')}\n  ${mark}\n`;
}

function toRow(memory: Memory): readonly string[] {
  const { id, content, type, scope, confidence, tags, source, createdAt, updatedAt } = toRecord(memory);
  const { url = '', platform = '', timestamp = '', conversationId = '', title = '' } = source ?? {};
  const certainty = confidence === null ? '' : String(confidence);
  return [
    id,
    content,
    type,
    scope,
    certainty,
    joinTags(tags),
    url,
    platform,
    timestamp,
    conversationId,
    title,
    createdAt,
    updatedAt,
    memory.deleted ? 'true' : '',
  ];
}
