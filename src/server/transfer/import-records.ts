/**
 * Records become memories through the one append (LOG-7), many at a time and never more than a window of them: the source is
 * read as quickly as the log takes them.
 */
import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { decideImport, type importRefusals } from '../command/decide-import.ts';
import type { GroupCommit } from '../command/group-commit.ts';
import type { Writer } from '../command/memory-commands.ts';
import type { Database } from '../infra/database.ts';
import { readDuplicates } from './duplicates.ts';
import { type Fault, type FileConversation, type FileEmbedding, type FileMemory, type Item, transferLimits } from './item.ts';
import { conversationToTurns } from './turns.ts';

export interface ImportDeps {
  readonly db: Database;
  readonly append: Pick<GroupCommit, 'submit' | 'room'>;
  readonly newId: () => MemoryId;
  /** Unix ms. */
  readonly now: () => number;
  readonly keepEmbeddings: KeepEmbeddings;
  /** Lets the rest of the process have its turn. */
  readonly breathe: () => Promise<void>;
}

/** Of memories that are written. */
export type KeepEmbeddings = (userId: UserId, embeddings: readonly KeptEmbedding[]) => Promise<void>;

export interface KeptEmbedding extends FileEmbedding {
  readonly memoryId: MemoryId;
  readonly content: string;
}

export interface ImportOptions {
  /** Leaves out what says the same as a live memory or an earlier record. */
  readonly deduplicate: boolean;
  /** Takes conversations in place of keeping their turns. */
  readonly ingest: IngestConversation | null;
}

export type IngestConversation = (conversation: FileConversation) => Promise<IngestedConversation>;

export type IngestedConversation =
  | { readonly created: number; readonly updated: number; readonly skipped: number }
  | { readonly fault: Fault };

export type SkipReason = (typeof importRefusals)[number] | 'duplicate' | 'not_new';

export interface Failure extends Fault {
  readonly index: number;
  readonly place: string;
}

export interface ImportReport {
  /** Memories that are new. */
  imported: number;
  updated: number;
  skipped: number;
  readonly skippedBecause: Partial<Record<SkipReason, number>>;
  /** The first of them. */
  readonly failed: Failure[];
  failedCount: number;
}

/** Writes that wait at most: some groups of the append, of which one is planned while another is written. */
const windowSize = 2_000;
const embeddingBatch = 200;
/**
 * Records that are read and submitted in one turn of the event loop: 2 ms or so. Without it a window is refilled in one piece, half of it
 * at a time, and everybody waits for that.
 */
export const recordsPerTurn = 64;

export async function importRecords(
  deps: ImportDeps,
  writer: Writer,
  items: AsyncIterable<Item>,
  options: ImportOptions,
): Promise<ImportReport> {
  const report: ImportReport = { imported: 0, updated: 0, skipped: 0, skippedBecause: {}, failed: [], failedCount: 0 };
  const duplicates = options.deduplicate ? await readDuplicates(deps.db, writer.userId) : null;
  const window = createWindow(windowSize);
  const embeddings = createEmbeddings(deps, writer.userId);
  const write = async (memory: FileMemory, at: Place): Promise<void> => {
    const id = memory.id ?? deps.newId();
    if (duplicates?.isDuplicate(id, memory.fields.content) === true) return skip(report, 'duplicate');
    await window.enter(async () => {
      const isThere = await writeOne(deps, writer, { ...memory, id }, at, report);
      if (isThere && memory.embedding !== null)
        embeddings.add({ ...memory.embedding, memoryId: id, content: memory.fields.content });
    });
    await embeddings.flush(embeddingBatch);
  };
  try {
    let taken = 0;
    const onTaken = async (): Promise<void> => {
      if (++taken % recordsPerTurn === 0) await deps.breathe();
    };
    for await (const item of items) await takeItem(item, { report, write, ingest: options.ingest, onTaken });
  } finally {
    // What was handed to the append is written, whatever became of the source.
    await window.idle();
    await embeddings.flush(1);
  }
  window.throwIfFailed();
  return report;
}

type Place = Pick<Item, 'index' | 'place'>;

interface Taking {
  readonly report: ImportReport;
  readonly write: (memory: FileMemory, at: Place) => Promise<void>;
  readonly ingest: IngestConversation | null;
  readonly onTaken: () => Promise<void>;
}

async function takeItem(item: Item, taking: Taking): Promise<void> {
  const { report, write, ingest } = taking;
  await taking.onTaken();
  if ('fault' in item) return fail(report, item.fault, item);
  if ('deleted' in item) return skip(report, 'deleted');
  if ('memory' in item) return write(item.memory, item);
  if (ingest === null) {
    for (const content of conversationToTurns(item.conversation))
      await takeItem({ ...content, ...placeOf(item) } as Item, taking);
    return;
  }
  if (item.conversation.messages.length === 0) return;
  const result = await ingest(item.conversation);
  if ('fault' in result) return fail(report, result.fault, item);
  report.imported += result.created;
  report.updated += result.updated;
  skip(report, 'not_new', result.skipped);
}

const placeOf = ({ index, place }: Place): Place => ({ index, place });

/** Returns whether the memory now is as the record has it. */
async function writeOne(
  deps: ImportDeps,
  { userId, device }: Writer,
  memory: FileMemory & { readonly id: MemoryId },
  at: Place,
  report: ImportReport,
): Promise<boolean> {
  const { id, fields, updatedAt } = memory;
  const createdAt = memory.createdAt ?? updatedAt ?? deps.now();
  const decide = decideImport({ id, fields, createdAt, updatedAt });
  const result = await submitPatiently(deps, { kind: 'write', userId, actor: device, memoryId: id, decide, expectNew: true });
  if (result.kind === 'unknown_user') throw new AppError('unauthorized');
  if (result.kind === 'written') {
    if (result.event?.kind === 'create') report.imported++;
    else report.updated++;
    return true;
  }
  if (result.kind !== 'refused' || result.refusal === undefined) throw new Error(`an import was answered with ${result.kind}`);
  const { code, detail } = result.refusal;
  if (code === 'unchanged' || code === 'older' || code === 'deleted') skip(report, code);
  else fail(report, { code: code as ErrorCode, path: '', message: detail ?? messageByCode.get(code) ?? code }, at);
  return code === 'unchanged';
}

const messageByCode: ReadonlyMap<string, string> = new Map([['erased_memory', 'the memory was erased for good']]);

/** The file can wait where a caller would be told to. */
async function submitPatiently(
  deps: ImportDeps,
  request: Parameters<GroupCommit['submit']>[0],
): ReturnType<GroupCommit['submit']> {
  for (;;) {
    try {
      return await deps.append.submit(request);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'overloaded')) throw error;
      await deps.append.room();
    }
  }
}

function skip(report: ImportReport, reason: SkipReason, count = 1): void {
  if (count === 0) return;
  report.skipped += count;
  report.skippedBecause[reason] = (report.skippedBecause[reason] ?? 0) + count;
}

function fail(report: ImportReport, { code, path, message }: Fault, { index, place }: Place): void {
  report.failedCount++;
  if (report.failed.length < transferLimits.listedFailures) report.failed.push({ index, place, code, path, message });
}

/** So many at a time; the first that fails ends the import. */
function createWindow(size: number) {
  let running = 0;
  let wake: (() => void) | null = null;
  let failure: { readonly error: unknown } | null = null;
  const below = async (count: number): Promise<void> => {
    while (running > count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const throwIfFailed = (): void => {
    if (failure !== null) throw failure.error;
  };
  const run = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failure ??= { error };
    }
    running--;
    wake?.();
  };
  return {
    async enter(work: () => Promise<void>): Promise<void> {
      throwIfFailed();
      running++;
      void run(work);
      // Refilled when half of it is done: then the append has a group to plan while one is written.
      if (running >= size) await below(size / 2);
    },
    idle: () => below(0),
    throwIfFailed,
  };
}

function createEmbeddings({ keepEmbeddings }: ImportDeps, userId: UserId) {
  let waiting: KeptEmbedding[] = [];
  return {
    add: (embedding: KeptEmbedding): void => void waiting.push(embedding),
    async flush(atLeast: number): Promise<void> {
      if (waiting.length < atLeast) return;
      const batch = waiting;
      waiting = [];
      await keepEmbeddings(userId, batch);
    },
  };
}
