/**
 * The baseline of HTTP: Fastify as its documentation begins, without accounts, checks, log or hooks. Routes that answer a JSON which
 * they were given, and one that inserts the body as one row by one prepared autocommit statement, into a table with the columns and the
 * key of `memories`. A process of its own, with DATABASE_URL or DATA_DIR; BARE_ANSWERS is a JSON of path → answer.
 */
import { join } from 'node:path';
import fastify from 'fastify';
import pg from 'pg';
import { v4, v7 } from 'uuid';
import { migrate } from '../src/server/infra/migrate.ts';
import { openPlace, type Place, placeFromEnv } from './place.ts';

/** The default of DATABASE_POOL_SIZE. */
const poolSize = 10;

const insert = {
  name: 'insert_memory',
  text: `insert into memories (user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope,
    content, tags, source, stamps) values ($1, $2, $3, false, false, 0, $4, $5, $5, $6, $7, $8, $9, $10, $11)`,
};

/** Of a new memory, whose registers were all written at once, ours are 20 to 30 bytes. */
const stamps = Buffer.alloc(24, 1);

interface Body {
  readonly content: string;
  readonly type: string;
  readonly scope: string;
  readonly confidence?: number;
  readonly tags: readonly string[];
  readonly source?: object;
}

type Insert = (values: readonly unknown[]) => Promise<unknown>;

const answers = JSON.parse(process.env['BARE_ANSWERS'] ?? '{}') as Readonly<Record<string, object>>;
const place = placeFromEnv(process.env);
const door = await openDoor(place);
const app = fastify();
for (const [path, answer] of Object.entries(answers)) app.get(path, (_request, reply) => reply.send(answer));
app.post<{ Body: Body }>('/api/v1/memories', createMemory(door.insert));
console.log(`bare routes on ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
process.once('SIGTERM', async () => {
  await app.close();
  await door.close();
});

/** Answers with what the server answers, as far as the body and the clock give it. */
function createMemory(insertRow: Insert) {
  const userId = v4();
  let seq = 0;
  return async ({ body }: { readonly body: Body }, reply: { code(status: number): unknown }): Promise<object> => {
    const { content, type, scope, tags, confidence = null, source = null } = body;
    const [id, own, at] = [v7(), ++seq, Date.now()];
    const json = source === null ? null : JSON.stringify(source);
    await insertRow([userId, id, own, confidence, at, type, scope, content, tags, json, stamps]);
    const time = new Date(at).toISOString();
    const written = { id, content, type, scope, confidence, tags, source, createdAt: time, updatedAt: time };
    reply.code(201);
    return { ...written, accessCount: 0, seq: own, embedded: false };
  };
}

interface Door {
  readonly insert: Insert;
  close(): Promise<void>;
}

async function openDoor(place: Place): Promise<Door> {
  const database = await openPlace(place);
  await migrate(database, join(import.meta.dirname, '../../migrations'));
  if (place.engine === 'pglite') return { insert: (row) => database.query(insert, row), close: () => database.close() };
  await database.close();
  const pool = new pg.Pool({ connectionString: place.databaseUrl, max: poolSize });
  return { insert: (row) => pool.query(insert, [...row]), close: () => pool.end() };
}
