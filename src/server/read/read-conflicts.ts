/** Values that lost against a concurrent write and are kept (MRG-3), newest first. */
import { sql } from 'kysely';
import type { ConflictId, MemoryId, UserId } from '../../core/ids.ts';
import type { Resolution } from '../../core/merge.ts';
import type { RegisterName, RegisterValue } from '../../core/register.ts';
import type { Queryable } from '../infra/database.ts';
import { type NamedDevice, nameDevice, readDeviceNames } from './device-names.ts';

export interface ConflictSide {
  readonly seq: number;
  readonly device: NamedDevice;
  readonly value: RegisterValue;
}

export interface ConflictView {
  readonly id: ConflictId;
  readonly memoryId: MemoryId;
  readonly register: RegisterName;
  readonly winner: ConflictSide;
  readonly loser: ConflictSide;
  /** When it came about, Unix ms. */
  readonly at: number;
  readonly resolution: Resolution | null;
  readonly resolvedSeq: number | null;
}

export interface ConflictPosition {
  readonly at: number;
  readonly id: ConflictId;
}

export interface ConflictRequest {
  readonly userId: UserId;
  readonly status: 'open' | 'resolved';
  readonly after: ConflictPosition | null;
  readonly limit: number;
}

export interface ConflictPage {
  readonly conflicts: readonly ConflictView[];
  readonly next: ConflictPosition | null;
}

export async function listConflicts(db: Queryable, { userId, status, after, limit }: ConflictRequest): Promise<ConflictPage> {
  const rows = await ofUser(db, userId)
    .where('resolution', status === 'open' ? 'is' : 'is not', null)
    .$if(after !== null, (query) => query.where(sql<boolean>`(at_ms, id) < (${after?.at}::bigint, ${after?.id}::uuid)`))
    .orderBy('at_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  const conflicts = await toViews(db, userId, rows.slice(0, limit));
  const last = conflicts.at(-1);
  return { conflicts, next: rows.length > limit && last !== undefined ? { at: last.at, id: last.id } : null };
}

/** Null when the user has no such conflict. */
export async function readConflict(db: Queryable, userId: UserId, id: ConflictId): Promise<ConflictView | null> {
  const [view] = await toViews(db, userId, await ofUser(db, userId).where('id', '=', id).execute());
  return view ?? null;
}

const ofUser = (db: Queryable, userId: UserId) => db.kysely.selectFrom('conflicts').selectAll().where('user_id', '=', userId);

type ConflictRow = Awaited<ReturnType<ReturnType<typeof ofUser>['execute']>>[number];

async function toViews(db: Queryable, userId: UserId, rows: readonly ConflictRow[]): Promise<ConflictView[]> {
  if (rows.length === 0) return [];
  const devices = await readDeviceNames(db, userId);
  return rows.map((row) => ({
    id: row.id as ConflictId,
    memoryId: row.memory_id as MemoryId,
    register: row.register as RegisterName,
    winner: { seq: row.winner_seq, device: nameDevice(devices, row.winner_device), value: row.winner_value as RegisterValue },
    loser: { seq: row.loser_seq, device: nameDevice(devices, row.loser_device), value: row.loser_value as RegisterValue },
    at: row.at_ms,
    resolution: row.resolution as Resolution | null,
    resolvedSeq: row.resolved_seq,
  }));
}
