/**
 * Brings the records of another database of this browser into the log, each as an op of this device: once, also when it is
 * interrupted, and also when two tabs do it. The ops of a batch are committed together with the mark of how far it went, so
 * a batch is either written with its mark or not at all. A memory that is here already stays as it is: its record is older.
 */
import type { MemoryId } from '../core/ids.ts';
import type { ReplicaMeta } from '../sync/replica-change.ts';
import type { OpDraft } from '../sync/replica-step.ts';
import { isRecord, toDraft } from './adopt-record.ts';
import { openAdoptionSource, type SourceRecord } from './adopt-source.ts';
import type { AdoptionProgress, AdoptOptions } from './client-api.ts';
import type { LocalReplica } from './local-replica.ts';

export interface AdoptionDeps {
  readonly replica: LocalReplica;
  /** The device's clock, Unix ms. */
  readonly now: () => number;
  /** Called when a batch is kept: it may go out. */
  readonly onWritten: () => void;
}

/** Records of one step. */
const batchRecords = 500;

/**
 * Counts what this call did. It may be called again at any time: what was adopted is not adopted again, though it was changed
 * or deleted here since, and records that come into the source after the last batch stay there.
 *
 * @throws the signal's reason, between two batches; StorageFull, StorageLost. What was adopted until then stays.
 */
export async function adoptRecords(
  { replica, now, onWritten }: AdoptionDeps,
  {
    database = 'MemoryLayerDB',
    store = 'memories',
    userId,
    onProgress,
    signal,
  }: AdoptOptions & { readonly signal?: AbortSignal },
): Promise<AdoptionProgress> {
  const name = userId === undefined ? `${database}/${store}` : `${database}/${store}?userId=${userId}`;
  let progress: AdoptionProgress = { read: 0, adopted: 0, skipped: [] };
  let standing = adoptedOf(replica, name);
  const source = standing.done ? null : await openAdoptionSource(database, store);
  if (source === null) return progress;
  try {
    while (!standing.done) {
      signal?.throwIfAborted();
      const records = await source.read(standing.after, batchRecords);
      const next: Adopted = { after: records.at(-1)?.key ?? standing.after, done: records.length < batchRecords };
      const batch = toBatch(records, userId, now());
      const drafts = batch.drafts.map(({ draft }) => draft);
      const { written } = await replica.perform({
        kind: 'write',
        drafts,
        mark: { database: name, before: standing.after, ...next },
      });
      standing = adoptedOf(replica, name);
      if (standing.after === next.after && standing.done === next.done) {
        progress = addBatch(progress, records.length, batch, new Set(written.map(({ memoryId }) => memoryId)));
        onWritten();
        onProgress?.(progress);
      } else {
        // Another tab was faster, and this one has not heard of it yet.
        await replica.reload();
        standing = adoptedOf(replica, name);
      }
    }
  } finally {
    source.close();
  }
  return progress;
}

type Adopted = ReplicaMeta['adopted'][string];

function adoptedOf({ mirror }: LocalReplica, name: string): Adopted {
  return mirror.meta.adopted[name] ?? { after: null, done: false };
}

type Skipped = AdoptionProgress['skipped'][number];

interface Batch {
  readonly drafts: readonly { readonly key: string; readonly draft: OpDraft }[];
  readonly skipped: readonly Skipped[];
}

function toBatch(records: readonly SourceRecord[], userId: string | undefined, nowMs: number): Batch {
  const drafts: Batch['drafts'][number][] = [];
  const skipped: Skipped[] = [];
  for (const { key, label, value } of records) {
    if (userId !== undefined && isRecord(value) && value['userId'] !== userId) continue;
    const result = toDraft(value, key, nowMs);
    if (!result.ok) {
      skipped.push({ key: label, reason: result.error });
      continue;
    }
    const { draft, leftOut } = result.value;
    drafts.push({ key: label, draft });
    if (leftOut.length > 0) skipped.push({ key: label, reason: `adopted without ${leftOut.join(', ')}` });
  }
  return { drafts, skipped };
}

function addBatch(
  before: AdoptionProgress,
  read: number,
  { drafts, skipped }: Batch,
  written: ReadonlySet<MemoryId>,
): AdoptionProgress {
  const kept = drafts.filter(({ draft }) => !written.has(draft.memoryId));
  return {
    read: before.read + read,
    adopted: before.adopted + drafts.length - kept.length,
    skipped: [
      ...before.skipped,
      ...skipped,
      ...kept.map(({ key }) => ({ key, reason: 'a memory with this id is here already' })),
    ],
  };
}
