/**
 * Records become memories through the one append (LOG-7), many at a time and never more than a window of them: the source is
 * read as quickly as the log takes them.
 */
import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { WriteResult } from '../command/append-request.ts';
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
  pieces: AsyncIterable<readonly Item[]>,
  options: ImportOptions,
): Promise<ImportReport> {
  const report: ImportReport = { imported: 0, updated: 0, skipped: 0, skippedBecause: {}, failed: [], failedCount: 0 };
  const duplicates = options.deduplicate ? await readDuplicates(deps.db, writer.userId) : null;
  const window = createWindow(windowSize);
  const embeddings = createEmbeddings(deps, writer.userId);
  let batch: PlacedMemory[] = [];
  const writeBatch = async (): Promise<void> => {
    const writing = batch;
    batch = [];
    if (writing.length > 0) await window.enter(writing.length, () => writeAll(deps, writer, writing, { report, embeddings }));
    await embeddings.flush(embeddingBatch);
  };
  const write = (memory: FileMemory, at: Place): void => {
    const id = memory.id ?? deps.newId();
    if (duplicates?.isDuplicate(id, memory.fields.content) === true) return skip(report, 'duplicate');
    batch.push({ id, memory, at });
  };
  try {
    let taken = 0;
    for await (const items of pieces) {
      for (const part of partsOf(items, options.ingest)) {
        if (++taken % recordsPerTurn === 0) await deps.breathe();
        const ingesting = takePart(part, { report, write, ingest: options.ingest });
        if (ingesting !== null) await ingesting;
        if (batch.length === recordsPerTurn) await writeBatch();
      }
    }
  } finally {
    // What was read is written, whatever became of the source.
    if (!window.hasFailed()) await writeBatch();
    await window.idle();
    await embeddings.flush(1);
  }
  window.throwIfFailed();
  return report;
}

type Place = Pick<Item, 'index' | 'place'>;

interface Taking {
  readonly report: ImportReport;
  readonly write: (memory: FileMemory, at: Place) => void;
  readonly ingest: IngestConversation | null;
}

/** A conversation that is not ingested is kept turn by turn. */
function* partsOf(items: readonly Item[], ingest: IngestConversation | null): Generator<Item> {
  for (const item of items) {
    if (ingest !== null || !('conversation' in item)) {
      yield item;
      continue;
    }
    const { index, place } = item;
    for (const content of conversationToTurns(item.conversation)) yield { ...content, index, place };
  }
}

/** @returns what has to be waited for. */
function takePart(item: Item, { report, write, ingest }: Taking): Promise<void> | null {
  if ('fault' in item) fail(report, item.fault, item);
  else if ('deleted' in item) skip(report, 'deleted');
  else if ('memory' in item) write(item.memory, item);
  else if (ingest !== null && item.conversation.messages.length > 0)
    return ingestPart(item, item.conversation, { report, ingest });
  return null;
}

async function ingestPart(
  at: Place,
  conversation: FileConversation,
  { report, ingest }: { readonly report: ImportReport; readonly ingest: IngestConversation },
): Promise<void> {
  const result = await ingest(conversation);
  if ('fault' in result) return fail(report, result.fault, at);
  report.imported += result.created;
  report.updated += result.updated;
  skip(report, 'not_new', result.skipped);
}

interface PlacedMemory {
  readonly id: MemoryId;
  readonly memory: FileMemory;
  readonly at: Place;
}

interface Outcomes {
  readonly report: ImportReport;
  readonly embeddings: Pick<Embeddings, 'add'>;
}

async function writeAll(
  deps: ImportDeps,
  { userId, device }: Writer,
  memories: readonly PlacedMemory[],
  { report, embeddings }: Outcomes,
): Promise<void> {
  const now = deps.now();
  const writes = memories.map(({ id, memory: { fields, createdAt, updatedAt } }) => {
    const decide = decideImport({ id, fields, createdAt: createdAt ?? updatedAt ?? now, updatedAt });
    return { memoryId: id, decide, expectNew: true };
  });
  const answer = await submitPatiently(deps, { kind: 'writes', userId, actor: device, writes });
  if (answer.kind === 'unknown_user') throw new AppError('unauthorized');
  if (answer.kind !== 'decided') throw new Error(`an import was answered with ${answer.kind}`);
  for (const [index, result] of answer.results.entries()) {
    const written = memories[index];
    if (written === undefined || !noteOutcome(result, written.at, report)) continue;
    const { embedding, fields } = written.memory;
    if (embedding !== null) embeddings.add({ ...embedding, memoryId: written.id, content: fields.content });
  }
}

/** @returns whether the memory now is as the record has it. */
function noteOutcome({ event, refusal }: WriteResult, at: Place, report: ImportReport): boolean {
  if (refusal === undefined) {
    if (event?.kind === 'create') report.imported++;
    else report.updated++;
    return true;
  }
  const { code, detail } = refusal;
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
  const run = async (count: number, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failure ??= { error };
    }
    running -= count;
    wake?.();
  };
  return {
    async enter(count: number, work: () => Promise<void>): Promise<void> {
      throwIfFailed();
      running += count;
      void run(count, work);
      // Refilled when half of it is done: then the append has a group to plan while one is written.
      if (running >= size) await below(size / 2);
    },
    idle: () => below(0),
    hasFailed: () => failure !== null,
    throwIfFailed,
  };
}

type Embeddings = ReturnType<typeof createEmbeddings>;

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
