/**
 * The baseline of writes: single-row autocommit INSERTs into `events`, with its columns and indexes, from one process with
 * nothing around them. A process of its own, with DATABASE_URL or DATA_DIR; it prints rows per second.
 * `single-row-inserts.js --connections 64 --users 64 --rows 10000`
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { eventKinds } from '../src/core/event.ts';
import { concatBytes } from '../src/protocol/message-pack.ts';
import { packEvent } from '../src/protocol/wire-events.ts';
import { migrate } from '../src/server/infra/migrate.ts';
import { metaToBytes } from '../src/server/log/log-bytes.ts';
import { createMemories } from './memory-generator.ts';
import { openPlace, type Place, placeFromEnv } from './place.ts';

const insert = {
  name: 'insert_event',
  text: `insert into events (user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
};

/** One connection alone would take minutes for what 64 do in seconds; its rate is known before. */
const maxMs = 5_000;

type Row = readonly unknown[];
type Insert = (row: Row) => Promise<unknown>;

const { values } = parseArgs({
  options: { connections: { type: 'string' }, users: { type: 'string' }, rows: { type: 'string' } },
});
const connections = Number(values.connections);
const place = placeFromEnv(process.env);
await prepareSchema(place);
const rows = createRows(Number(values.rows), Number(values.users));
await using door = await openDoor(place, connections);
await insertAll(rows.splice(0, Math.ceil(rows.length / 10)), door.insert);
const start = performance.now();
const inserted = await insertAll(rows, door.insert);
console.log((inserted / (performance.now() - start)) * 1_000);

/** As many inserts at a time as there are connections. Returns how many were made until the end of rows or of time. */
async function insertAll(rows: readonly Row[], insertRow: Insert): Promise<number> {
  const queue = rows.values();
  const until = performance.now() + maxMs;
  let count = 0;
  const work = async (): Promise<void> => {
    for (const row of queue) {
      await insertRow(row);
      count++;
      if (performance.now() > until) return;
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  return count;
}

interface Door extends AsyncDisposable {
  readonly insert: Insert;
}

async function openDoor(place: Place, connections: number): Promise<Door> {
  if (place.engine === 'postgresql') {
    const pool = new pg.Pool({ connectionString: place.databaseUrl, max: connections });
    return { insert: (row) => pool.query(insert, [...row]), [Symbol.asyncDispose]: () => pool.end() };
  }
  const database = await openPlace(place);
  return { insert: (row) => database.query(insert, row), [Symbol.asyncDispose]: () => database.close() };
}

async function prepareSchema(place: Place): Promise<void> {
  const database = await openPlace(place);
  await migrate(database, join(import.meta.dirname, '../../migrations'));
  await database.close();
}

/** The rows that the server writes for the same ops. */
function createRows(count: number, users: number): Row[] {
  const userIds = Array.from({ length: users }, () => randomUUID());
  return createMemories(count, 1).map((op, index) => {
    const counter = Math.floor(index / users) + 1;
    const at = Date.now();
    const written = { kind: 'create', outcome: 'applied', lost: [], conflicts: [] } as const;
    const { prefix, payload } = packEvent({ ...op, ...written, counter, at }, 1);
    const meta = metaToBytes({ payloadAt: prefix.length, base: 0, actor: null, clock: [1, counter], rawHlc: null });
    const wire = concatBytes([prefix, payload]);
    const kind = eventKinds.indexOf('create');
    return [userIds[index % users], counter, 1, counter, op.memoryId, at, kind, 0, wire, meta, randomBytes(16), randomBytes(32)];
  });
}
