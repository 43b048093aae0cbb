/** The rows of the user with the most memories, from one database into another by COPY. */
import { CopyWriter } from '../src/server/infra/copy-writer.ts';
import type { Database } from '../src/server/infra/database.ts';

const columns = {
  events:
    'user_id uuid, seq int8, device int4, counter int8, memory_id uuid, at_ms int8, kind int2, prev_seq int8, wire bytea, meta bytea, salt bytea, hash bytea',
  memories:
    'user_id uuid, id uuid, seq int8, deleted bool, erased bool, open_conflicts int4, confidence float8, created_ms int8, updated_ms int8, type text, scope text, content text, tags text[], source jsonb, stamps bytea',
} as const;

const batchRows = 10_000;

/** Ms of the COPY alone: its bytes are made before. */
export async function copyRowsOf(source: Database, target: Database, count: number): Promise<number> {
  const [user] = await source.query<{ user_id: string }>('select user_id from user_heads order by seq desc limit 1');
  if (user === undefined) throw new Error('there is no user');
  let ms = 0;
  for (let from = 0; from < count; from += batchRows) {
    const streams = [await read(source, 'events', user.user_id, from), await read(source, 'memories', user.user_id, from)];
    const start = performance.now();
    await target.transaction(async (tx) => {
      for (const { statement, bytes } of streams) await tx.copyIn(statement, bytes);
    });
    ms += performance.now() - start;
  }
  return ms;
}

async function read(source: Database, table: keyof typeof columns, userId: string, from: number) {
  const parts = columns[table].split(', ').map((column) => column.split(' ') as [name: string, type: string]);
  const names = parts.map(([name]) => name).join(', ');
  const rows = await source.query<Record<string, unknown>>(
    `select ${names} from ${table} where user_id = $1::uuid order by seq limit ${batchRows} offset ${from}`,
    [userId],
  );
  const copy = new CopyWriter();
  for (const row of rows) {
    copy.row(parts.length);
    for (const [name, type] of parts) write(copy, type, row[name]);
  }
  return { statement: `copy ${table} (${names}) from stdin with (format binary)`, bytes: copy.end() };
}

function write(copy: CopyWriter, type: string, value: unknown): void {
  if (value === null) return void copy.null();
  switch (type) {
    case 'uuid':
      return void copy.bytes(Buffer.from((value as string).replaceAll('-', ''), 'hex'));
    case 'int2':
      return void copy.int2(value as number);
    case 'int4':
      return void copy.int4(value as number);
    case 'int8':
      return void copy.int8(value as number);
    case 'float8':
      return void copy.float8(value as number);
    case 'bool':
      return void copy.bool(value as boolean);
    case 'text':
      return void copy.text(value as string);
    case 'text[]':
      return void copy.textArray(value as string[]);
    case 'jsonb':
      return void copy.jsonb(JSON.stringify(value));
    default:
      return void copy.bytes(value as Uint8Array);
  }
}
