/** Every live memory of a user as a file, page by page: a page is read when the one before was taken. */
import { stringify } from 'csv-stringify/sync';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { Queryable } from '../infra/database.ts';
import { readSnapshot } from '../read/read-snapshot.ts';
import { joinTags } from './read-csv.ts';
import { markdownMark } from './read-markdown.ts';

export const exportFormats = ['ndjson', 'json', 'markdown', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const exportFiles = {
  ndjson: { mediaType: 'application/x-ndjson', extension: 'ndjson' },
  json: { mediaType: 'application/json', extension: 'json' },
  markdown: { mediaType: 'text/markdown; charset=utf-8', extension: 'md' },
  csv: { mediaType: 'text/csv; charset=utf-8', extension: 'csv' },
} as const satisfies Readonly<Record<ExportFormat, { readonly mediaType: string; readonly extension: string }>>;

const pageSize = 500;

/**
 * By id, newest first. The pages are no single snapshot, which would hold a connection for as long as the slowest reader
 * takes; a memory that is written meanwhile is in the file as it was or as it is.
 */
export async function* exportMemories(db: Queryable, userId: UserId, format: ExportFormat): AsyncGenerator<string> {
  const { head, page: write, tail } = writers[format];
  yield head;
  let isFirst = true;
  for (let after: MemoryId | null = null, isLast = false; !isLast; ) {
    const page = await readSnapshot(db, { userId, after, maxMemories: pageSize });
    const live = page.memories.filter((memory) => !memory.deleted && !memory.erased);
    if (live.length > 0) yield write(live, isFirst);
    isFirst &&= live.length === 0;
    after = page.memories.at(-1)?.id ?? null;
    isLast = page.isLast || after === null;
  }
  yield tail;
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
function toRecord({ id, content, type, scope, confidence, tags, source, createdAt, updatedAt }: Memory) {
  const times = { createdAt: new Date(createdAt).toISOString(), updatedAt: new Date(updatedAt).toISOString() };
  return { id, content, type, scope, confidence, tags, source, ...times };
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
  ];
}
