/** The projections of one user as a replay finds them, in temporary tables beside the live ones, compared by the database. */

import type { UserId } from '../../core/ids.ts';
import type { Transaction } from '../infra/database.ts';
import type { DeviceNames } from './memory-rows.ts';
import type { Replayed } from './replay.ts';
import { toConflictRecord, toMemoryRecord } from './shadow-records.ts';

/** Temporary: nothing to clean up after a crash, and two rebuilds at once do not meet. */
const createShadows = `
  create temporary table memories_shadow (like memories including all) on commit drop;
  create temporary table conflicts_shadow (like conflicts including all) on commit drop;`;

const insertMemories = `insert into memories_shadow (user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms,
    updated_ms, type, scope, content, tags, source, stamps)
  select $1::uuid, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope, content, tags,
    source, decode(stamps, 'hex')
  from jsonb_to_recordset($2::jsonb) as r(id uuid, seq bigint, deleted boolean, erased boolean, open_conflicts int,
    confidence double precision, created_ms bigint, updated_ms bigint, type text, scope text, content text, tags text[],
    source jsonb, stamps text)`;

const insertConflicts = `insert into conflicts_shadow (user_id, id, memory_id, register, winner_seq, loser_seq, winner_device,
    loser_device, winner_value, loser_value, at_ms, resolution, resolved_seq)
  select $1::uuid, id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value::jsonb,
    loser_value::jsonb, at_ms, resolution, resolved_seq
  from jsonb_to_recordset($2::jsonb) as r(id uuid, memory_id uuid, register text, winner_seq bigint, loser_seq bigint,
    winner_device int, loser_device int, winner_value text, loser_value text, at_ms bigint, resolution text,
    resolved_seq bigint)`;

export type ProjectionTable = 'memories' | 'conflicts';

const columnsByTable: Readonly<Record<ProjectionTable, readonly string[]>> = {
  memories: [
    'user_id',
    'id',
    'seq',
    'deleted',
    'erased',
    'open_conflicts',
    'confidence',
    'created_ms',
    'updated_ms',
    'type',
    'scope',
    'content',
    'tags',
    'source',
    'stamps',
  ],
  conflicts: [
    'user_id',
    'id',
    'memory_id',
    'register',
    'winner_seq',
    'loser_seq',
    'winner_device',
    'loser_device',
    'winner_value',
    'loser_value',
    'at_ms',
    'resolution',
    'resolved_seq',
  ],
};

/** `*<>` compares the stored images of two rows: their bytes, not what their types call equal. */
const firstDifference = (table: ProjectionTable): string => {
  const columns = columnsByTable[table].join(', ');
  return `select coalesce(live.id, shadow.id) as id, to_jsonb(live) as found, to_jsonb(shadow) as expected
    from (select ${columns} from ${table} where user_id = $1::uuid) live
    full join (select ${columns} from ${table}_shadow) shadow on shadow.id = live.id
    where live.id is null or shadow.id is null or live *<> shadow
    order by 1 limit 1`;
};

const batchRows = 1_000;

/** Fills the shadow tables of this transaction. */
export async function writeShadows(tx: Transaction, userId: UserId, replayed: Replayed, names: DeviceNames): Promise<void> {
  await tx.script(createShadows);
  const memories = Array.from(replayed.states.values(), (state) => toMemoryRecord(state, names));
  for (const batch of batches(memories)) await tx.query(insertMemories, [userId, JSON.stringify(batch)]);
  const conflicts = Array.from(replayed.conflicts.values(), (conflict) => toConflictRecord(conflict, names));
  for (const batch of batches(conflicts)) await tx.query(insertConflicts, [userId, JSON.stringify(batch)]);
}

export interface RowDifference {
  readonly table: ProjectionTable;
  readonly id: string;
  /** `*` when the whole row is missing on one side. */
  readonly column: string;
  readonly expected: unknown;
  readonly found: unknown;
}

/** The first row that is not, byte for byte, what the log makes of it. */
export async function findDifference(tx: Transaction, userId: UserId): Promise<RowDifference | null> {
  for (const table of ['memories', 'conflicts'] as const) {
    const [row] = await tx.query<DifferingRows>(firstDifference(table), [userId]);
    if (row !== undefined) return { table, id: row.id, ...firstColumn(columnsByTable[table], row) };
  }
  return null;
}

/** Puts the shadow rows in place of the live ones. */
export async function swapShadows(tx: Transaction, userId: UserId): Promise<void> {
  for (const table of ['memories', 'conflicts'] as const) {
    const columns = columnsByTable[table].join(', ');
    await tx.query(`delete from ${table} where user_id = $1::uuid`, [userId]);
    await tx.query(`insert into ${table} (${columns}) select ${columns} from ${table}_shadow where user_id = $1::uuid`, [userId]);
  }
}

interface DifferingRows {
  readonly id: string;
  readonly found: Readonly<Record<string, unknown>> | null;
  readonly expected: Readonly<Record<string, unknown>> | null;
}

function firstColumn(
  columns: readonly string[],
  { found, expected }: DifferingRows,
): Pick<RowDifference, 'column' | 'expected' | 'found'> {
  if (found === null || expected === null) return { column: '*', expected, found };
  const column = columns.find((name) => JSON.stringify(found[name]) !== JSON.stringify(expected[name])) ?? '*';
  return { column, expected: expected[column], found: found[column] };
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += batchRows) yield items.slice(at, at + batchRows);
}
