/** Somebody who owns something in every table, all of it marked PRIVATE. */
import { randomUUID } from 'node:crypto';
import type { Epoch, UserId } from '../../src/core/ids.ts';
import { createLoginAttempts } from '../../src/server/access/login-attempts.ts';
import type { Deps } from '../../src/server/deps.ts';
import type { MemoryJson } from '../../src/server/edge/memory-json.ts';
import type { Database } from '../../src/server/infra/database.ts';
import { beginEpoch } from '../../src/server/log/begin-epoch.ts';
import { type Api, type ConflictList, creation, edit, type Updates } from './api.ts';
import { ingest } from './ingest.ts';

export interface Owned {
  readonly memory: MemoryJson;
  readonly conflictId: string;
  readonly device: string;
  readonly cursor: string;
  readonly epoch: string;
  readonly apiKey: string;
}

export async function fillEveryTable(
  api: Api,
  { db, recall, accesses }: Pick<Deps, 'db' | 'recall' | 'accesses'>,
): Promise<Owned> {
  const memory = await api.create({
    content: 'PRIVATE',
    tags: ['PRIVATE-tag'],
    source: { platform: 'web', conversationId: 'c' },
    embedding: [1, 2, 3],
  });
  const [id, device, other] = [randomUUID(), randomUUID(), randomUUID()];
  await api.push(device, 1, 1, [creation(id, '1764000000000-0', 'PRIVATE')]);
  await api.push(device, 2, 2, [edit(id, '1764000000001-0', '/content', 'PRIVATE-2')]);
  await api.push(other, 1, 2, [edit(id, '1764000000002-0', '/content', 'PRIVATE-3')]);
  await api.get(`/memories/${memory.id}`);
  await ingest(api, { messages: [{ role: 'user', content: 'My name is PRIVATE-name' }] });
  const key = await api.call<{ id: string }>('POST', '/auth/api-keys', { name: 'PRIVATE-key', scopes: ['read'] });
  await createLoginAttempts(db, Date.now).welcome({ userId: api.user.user.id as UserId, address: '192.0.2.1' });
  await recall.idle(api.user.user.id as UserId);
  await accesses.flush();
  const { body } = await api.get<ConflictList>('/conflicts');
  // An epoch that ended, too.
  const epoch = randomUUID() as Epoch;
  await beginEpoch(db, api.user.user.id as UserId, epoch, new Date());
  const present = (await api.get<Updates>('/memories/sync/updates')).body.cursor;
  return { memory, conflictId: body.conflicts[0]?.id ?? '', device, cursor: present, epoch, apiKey: key.body.id };
}

/** Every row of the user in every table that has users, as text. */
export async function rowsOf(db: Database, userId: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const tables = await db.query<{ name: string }>(
    `select c.table_name::text as name from information_schema.columns c
      where c.table_schema = 'public' and c.column_name = 'user_id' order by 1`,
  );
  const rows = new Map<string, readonly string[]>();
  for (const { name } of tables) {
    const found = await db.query<{ row: string }>(`select t::text as row from "${name}" t where user_id = $1::uuid order by 1`, [
      userId,
    ]);
    rows.set(
      name,
      found.map(({ row }) => row),
    );
  }
  return rows;
}
