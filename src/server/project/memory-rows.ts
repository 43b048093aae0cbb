/** The `memories` projection: a memory's state as a row, and back. */
import { compareHlc } from '../../core/clock.ts';
import type { DeviceId, MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import { type Cell, fieldsOf, type MemoryState, type OpenConflict } from '../../core/merge.ts';
import { emptyValue, type RegisterName, tagOf } from '../../core/register.ts';
import { pack, unpack } from '../../protocol/message-pack.ts';
import { registerFromCode, registerToCode } from '../../protocol/packed-change.ts';
import type { Queryable, Statement } from '../infra/database.ts';

export interface MemoryRow {
  id: MemoryId;
  seq: number;
  deleted: boolean;
  erased: boolean;
  open_conflicts: number;
  confidence: number | null;
  created_ms: number;
  updated_ms: number;
  type: string;
  scope: string;
  content: string;
  tags: string[];
  source: Memory['source'];
  stamps: Buffer;
}

export const memoryColumns = `id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope, content,
  tags, source, stamps`;

/** How devices are called in rows (ordinals) and in the merge (ids). */
export interface DeviceNames {
  readonly idOf: (ordinal: number) => DeviceId;
  readonly ordinalOf: (id: DeviceId) => number;
}

export function stateToMemory(state: MemoryState): Memory {
  const { id, seq, createdAt, updatedAt, erased } = state;
  return { id, seq, createdAt, updatedAt, erased, ...fieldsOf(state) };
}

export function rowToMemory(row: Omit<MemoryRow, 'open_conflicts' | 'stamps'>): Memory {
  return {
    id: row.id,
    seq: row.seq,
    content: row.content,
    type: row.type as Memory['type'],
    scope: row.scope as Memory['scope'],
    confidence: row.confidence,
    source: row.source,
    tags: row.tags,
    deleted: row.deleted,
    erased: row.erased,
    createdAt: row.created_ms,
    updatedAt: row.updated_ms,
  };
}

/**
 * Stamps by the op that won: `[[seq, device ordinal, hlc ms, hlc count, register …] …]`. Most memories were written by one op
 * or two, so this is a fraction of a stamp for each register. Sorted: equal states have equal bytes.
 */
export function stampsToBytes(cells: MemoryState['cells'], names: DeviceNames): Uint8Array {
  const stamps: { readonly cell: Cell; readonly codes: (number | string)[] }[] = [];
  for (const [register, cell] of cells) {
    const code = registerToCode(register);
    const same = stamps.find((stamp) => stamp.cell.seq === cell.seq && compareHlc(stamp.cell.hlc, cell.hlc) === 0);
    if (same === undefined) stamps.push({ cell, codes: [code] });
    else same.codes.push(code);
  }
  stamps.sort((a, b) => a.cell.seq - b.cell.seq || compareHlc(a.cell.hlc, b.cell.hlc));
  return pack(
    stamps.map(({ cell: { seq, device, hlc }, codes }) => [
      seq,
      names.ordinalOf(device),
      hlc.ms,
      hlc.count,
      ...codes.sort(compareCodes),
    ]),
  );
}

type StampList = [seq: number, ordinal: number, ms: number, count: number, ...registers: (number | string)[]];

/** Fields by their code, then tags by code unit. */
function compareCodes(a: number | string, b: number | string): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  if (typeof b === 'number') return 1;
  return a < b ? -1 : Number(a > b);
}

export function rowToState(row: MemoryRow, conflicts: readonly OpenConflict[], names: DeviceNames): MemoryState {
  return {
    id: row.id,
    seq: row.seq,
    createdAt: row.created_ms,
    updatedAt: row.updated_ms,
    erased: row.erased,
    cells: stampsToCells(row, names),
    conflicts,
  };
}

function stampsToCells(row: MemoryRow, names: DeviceNames): ReadonlyMap<RegisterName, Cell> {
  const present = new Set(row.tags);
  const cells = new Map<RegisterName, Cell>();
  for (const [seq, ordinal, ms, count, ...codes] of unpack(row.stamps) as StampList[]) {
    const stamp = { seq, device: names.idOf(ordinal), hlc: { ms, count } };
    for (const code of codes) {
      const register = registerFromCode(code, 'stamps');
      const tag = tagOf(register);
      const value = tag === null ? (row[register as keyof MemoryRow] as Cell['value']) : present.has(tag);
      cells.set(register, { value: value ?? emptyValue(register), ...stamp });
    }
  }
  return cells;
}

interface ConflictRow {
  user_id: UserId;
  memory_id: MemoryId;
  register: RegisterName;
  winner_seq: number;
  loser_seq: number;
  winner_device: number;
  loser_device: number;
  winner_value: OpenConflict['winnerValue'];
  loser_value: OpenConflict['loserValue'];
}

const readMemoriesStatement: Statement = {
  name: 'read-memories-to-write',
  text: `select m.user_id, ${memoryColumns.replaceAll(/(\w+)/g, 'm.$1')}
    from unnest($1::uuid[], $2::uuid[]) as k(user_id, id) join memories m on m.user_id = k.user_id and m.id = k.id`,
};

// Of one user the same, with the user as a constant: a database that is cut by user sends it to one place (docs/decisions/0014).
const readMemoriesOfUserStatement: Statement = {
  name: 'read-memories-of-user',
  text: `select user_id, ${memoryColumns} from memories where user_id = $1::uuid and id = any($2::uuid[])`,
};

const readOpenConflictsOfUserStatement: Statement = {
  name: 'read-open-conflicts-of-user',
  text: `select user_id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value, loser_value
    from conflicts where user_id = $1::uuid and memory_id = any($2::uuid[]) and resolution is null order by loser_seq, register`,
};

const readOpenConflictsStatement: Statement = {
  name: 'read-open-conflicts',
  text: `select c.user_id, c.memory_id, c.register, c.winner_seq, c.loser_seq, c.winner_device, c.loser_device,
      c.winner_value, c.loser_value
    from unnest($1::uuid[], $2::uuid[]) as k(user_id, id) join conflicts c on c.user_id = k.user_id and c.memory_id = k.id
    where c.resolution is null order by c.loser_seq, c.register`,
};

export interface MemoryKey {
  readonly userId: UserId;
  readonly id: MemoryId;
}

/** The states of those of the memories that exist. @param namesOf the device names of a user. */
export async function readStates(
  db: Queryable,
  keys: readonly MemoryKey[],
  namesOf: (userId: UserId) => DeviceNames,
): Promise<readonly { readonly userId: UserId; readonly state: MemoryState }[]> {
  if (keys.length === 0) return [];
  const rows = await readByKeys<MemoryRow & { user_id: UserId }>(db, keys, readMemoriesOfUserStatement, readMemoriesStatement);
  const contested = rows.filter((row) => row.open_conflicts > 0);
  const conflicts = contested.length === 0 ? [] : await readConflicts(db, contested);
  return rows.map((row) => {
    const names = namesOf(row.user_id);
    const own = conflicts.filter((conflict) => conflict.user_id === row.user_id && conflict.memory_id === row.id);
    return {
      userId: row.user_id,
      state: rowToState(
        row,
        own.map((conflict) => toOpenConflict(conflict, names)),
        names,
      ),
    };
  });
}

function readConflicts(db: Queryable, rows: readonly (MemoryRow & { user_id: UserId })[]): Promise<readonly ConflictRow[]> {
  const keys = rows.map((row) => ({ userId: row.user_id, id: row.id }));
  return readByKeys<ConflictRow>(db, keys, readOpenConflictsOfUserStatement, readOpenConflictsStatement);
}

function readByKeys<Row>(
  db: Queryable,
  keys: readonly MemoryKey[],
  ofUser: Statement,
  ofMany: Statement,
): Promise<readonly Row[]> {
  const ids = keys.map((key) => key.id);
  const [first] = keys;
  const isOfOne = keys.every((key) => key.userId === first?.userId);
  return isOfOne ? db.query<Row>(ofUser, [first?.userId, ids]) : db.query<Row>(ofMany, [keys.map((key) => key.userId), ids]);
}

function toOpenConflict(row: ConflictRow, names: DeviceNames): OpenConflict {
  return {
    register: row.register,
    winnerSeq: row.winner_seq,
    loserSeq: row.loser_seq,
    winnerDevice: names.idOf(row.winner_device),
    loserDevice: names.idOf(row.loser_device),
    winnerValue: row.winner_value,
    loserValue: row.loser_value,
  };
}
