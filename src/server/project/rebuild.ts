/** LOG-6, proved: the projections are made again from the log and compared with the live rows, byte for byte. */
import type { UserId } from '../../core/ids.ts';
import type { Database, Transaction } from '../infra/database.ts';
import { type Head, lockHead, readHead } from '../log/head.ts';
import { readUserIds } from '../log/read-user-ids.ts';
import type { DeviceNames } from './memory-rows.ts';
import { replayLog } from './replay.ts';
import { findDifference, type RowDifference, swapShadows, writeShadows } from './shadow-tables.ts';

export interface RebuildOptions {
  /** One user; everybody when absent. */
  readonly userId?: UserId;
  /** Puts the rebuilt rows in place of those of users that differ. Restart servers afterwards: they may hold the old ones. */
  readonly swap?: boolean;
  readonly onProgress?: (progress: { readonly userId: UserId; readonly events: number }) => void;
}

/** Table `events` when the merge decides an event otherwise than it is recorded; the id is then its seq. */
export interface Difference extends Omit<RowDifference, 'table'> {
  readonly userId: UserId;
  readonly table: RowDifference['table'] | 'events';
}

export interface RebuildReport {
  readonly users: number;
  readonly memories: number;
  readonly conflicts: number;
  /** Users with a difference. */
  readonly differing: number;
  readonly swapped: number;
  readonly firstDifference?: Difference;
}

interface UserReport {
  readonly memories: number;
  readonly conflicts: number;
  readonly difference: Difference | null;
  readonly isSwapped: boolean;
}

/** Memory for all memories of one user is needed at a time. Statistics (`memory_accesses`) are not of the log and stay. */
export async function rebuildProjections(db: Database, options: RebuildOptions = {}): Promise<RebuildReport> {
  const total = { users: 0, memories: 0, conflicts: 0, differing: 0, swapped: 0 };
  let firstDifference: Difference | undefined;
  for await (const userId of options.userId === undefined ? readUserIds(db) : [options.userId]) {
    const report = await rebuildUser(db, userId, options);
    if (report === null) continue;
    total.users += 1;
    total.memories += report.memories;
    total.conflicts += report.conflicts;
    total.differing += Number(report.difference !== null);
    total.swapped += Number(report.isSwapped);
    firstDifference ??= report.difference ?? undefined;
  }
  return firstDifference === undefined ? total : { ...total, firstDifference };
}

/**
 * To compare, one snapshot is enough and nobody waits. To swap, the head is locked first: every write of the user's rows
 * goes through that lock, so nothing changes between comparing and swapping.
 */
function rebuildUser(db: Database, userId: UserId, { swap = false, onProgress }: RebuildOptions): Promise<UserReport | null> {
  const work = async (tx: Transaction): Promise<UserReport | null> => {
    if (swap) await lockHead(tx, userId);
    const head = await readHead(tx, userId);
    if (head === null) return null;
    const replayed = await replayLog(tx, head, (events) => onProgress?.({ userId, events }));
    await writeShadows(tx, userId, replayed, namesOf(head));
    const found = await findDifference(tx, userId);
    const difference = found === null ? otherOutcome(userId, replayed.firstOtherOutcome) : { ...found, userId };
    const isSwapped = swap && found !== null;
    if (isSwapped) await swapShadows(tx, userId);
    return { memories: replayed.states.size, conflicts: replayed.conflicts.size, difference, isSwapped };
  };
  return db.transaction(work, { isolation: swap ? 'read committed' : 'repeatable read', statementTimeoutMs: 0 });
}

function otherOutcome(userId: UserId, seq: number | null): Difference | null {
  return seq === null ? null : { userId, table: 'events', id: String(seq), column: 'outcome', expected: null, found: null };
}

function namesOf(head: Head): DeviceNames {
  const ordinalById = new Map(Array.from(head.deviceByOrdinal, ([ordinal, id]) => [id, ordinal]));
  const missing = (name: unknown): never => {
    throw new RangeError(`no device ${String(name)} among the user's`);
  };
  return {
    idOf: (ordinal) => head.deviceByOrdinal.get(ordinal) ?? missing(ordinal),
    ordinalOf: (id) => ordinalById.get(id) ?? missing(id),
  };
}
