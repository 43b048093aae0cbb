/** DELETE /memories/:id?erase=true: the right to be forgotten, and a log that can still prove itself. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Database } from '../../../src/server/infra/database.ts';
import { rebuildProjections } from '../../../src/server/project/rebuild.ts';
import {
  type Api,
  type ConflictList,
  creation,
  type EventList,
  edit,
  type MemoryList,
  useServer,
  type Verdict,
} from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

/** `table.column` of every value that contains the text, as characters or as bytes. */
async function findText(db: Database, text: string): Promise<string[]> {
  const columns = await db.query<{ table: string; column: string; type: string }>(
    `select c.table_name as table, c.column_name as column, c.data_type as type from information_schema.columns c
      join information_schema.tables t on t.table_name = c.table_name and t.table_schema = c.table_schema
      where c.table_schema = 'public' and t.table_type = 'BASE TABLE'`,
  );
  const found: string[] = [];
  for (const { table, column, type } of columns) {
    const where =
      type === 'bytea'
        ? `position(convert_to($1::text, 'UTF8') in "${column}") > 0`
        : `position($1::text in "${column}"::text) > 0`;
    if ((await db.query(`select 1 from "${table}" where ${where} limit 1`, [text])).length > 0) found.push(`${table}.${column}`);
  }
  return found;
}

async function writeSecrets(api: Api): Promise<string> {
  const [id, phone, laptop] = [randomUUID(), randomUUID(), randomUUID()];
  const first = creation(id, '1764000000000-0', 'SECRET-first');
  await api.push(phone, 1, 0, [
    { ...first, patch: [...first.patch, { op: 'add', path: '/createdAt', value: '2020-01-01T00:00:00.000Z' }] },
  ]);
  await api.push(phone, 2, 1, [
    edit(id, '1764000000100-0', '/content', 'SECRET-phone'),
    edit(id, '1764000000101-0', '/tags/SECRET-tag', true),
  ]);
  await api.push(laptop, 1, 1, [
    edit(id, '1764000000200-0', '/content', 'SECRET-laptop'),
    edit(id, '1764000000099-0', '/tags/SECRET-tag', false),
  ]);
  await api.call('PUT', `/memories/${id}`, { source: { title: 'SECRET-title' } });
  return id;
}

describeOnEachEngine('erasing', (open) => {
  const fixture = useServer(open);

  it('[LOG-3] leaves no byte of the content in any table, and what happened when', async () => {
    const api = await fixture.login();
    const { db } = fixture.server.deps;
    const id = await writeSecrets(api);
    expect(await findText(db, 'SECRET')).toEqual(
      expect.arrayContaining(['events.wire', 'memories.content', 'memories.tags', 'memories.source', 'conflicts.loser_value']),
    );
    const before = await api.get<EventList>(`/memories/${id}/history`);
    expect((await api.call('DELETE', `/memories/${id}?erase=true`)).status).toBe(204);
    expect(await findText(db, 'SECRET')).toEqual([]);
    const { body } = await api.get<EventList>(`/memories/${id}/history`);
    expect(body.events[0]).toMatchObject({ kind: 'erase', device: api.user.device });
    const bare = ({ patch: _, lost: _lost, conflicts: _conflicts, ...event }: EventList['events'][number]) => event;
    expect(body.events.slice(1)).toEqual(before.body.events.map(bare));
    expect((await api.get<ConflictList>('/conflicts')).body.conflicts).toEqual([]);
  });

  it('[LOG-4] the chain stays valid, and the projections rebuild', async () => {
    const api = await fixture.login();
    const id = await writeSecrets(api);
    const hash = (await api.get<Verdict>('/audit/verify')).body.headHash;
    await api.call('DELETE', `/memories/${id}?erase=true`);
    const { body } = await api.get<Verdict>('/audit/verify');
    expect(body).toMatchObject({ verified: true, events: 7 });
    const { events } = (await api.get<EventList>('/audit?toSeq=6&limit=1')).body;
    expect(events[0]?.hash).toBe(hash);
    const report = await rebuildProjections(fixture.server.deps.db);
    expect(report.firstDifference).toBeUndefined();
  });

  it('[LOG-3] an erased memory is gone for every route, and for later ops', async () => {
    const api = await fixture.login();
    const id = await writeSecrets(api);
    await api.call('DELETE', `/memories/${id}`);
    expect((await api.call('DELETE', `/memories/${id}?erase=true`)).status).toBe(204);
    expect((await api.call('DELETE', `/memories/${id}?erase=true`)).status).toBe(204);
    expect((await api.call('DELETE', `/memories/${id}`)).status).toBe(204);
    const patchType = { 'content-type': 'application/json-patch+json' };
    const body = { id, content: 'x', type: 'fact', scope: 'site' };
    const answers = await Promise.all([
      api.get(`/memories/${id}`),
      api.get(`/memories/${id}?deleted=true`),
      api.get(`/memories/${id}?at=1`),
      api.call('PUT', `/memories/${id}`, { content: 'x' }),
      api.call('PATCH', `/memories/${id}`, [{ op: 'add', path: '/content', value: 'x' }], patchType),
      api.call('POST', `/memories/${id}/restore`, { seq: 1 }),
      api.call('POST', '/memories', body),
    ]);
    for (const answer of answers) expect([answer.status, answer.body.code]).toEqual([410, 'erased_memory']);
    const late = await api.push(randomUUID(), 1, 1, [edit(id, '1764000009000-0', '/content', 'SECRET-late')]);
    expect(late.body.events[0]).toMatchObject({ outcome: 'rejected', code: 'erased_memory' });
    expect(await findText(fixture.server.deps.db, 'SECRET-late')).toEqual([]);
    expect((await api.get<MemoryList>('/memories?deleted=true')).body.memories).toEqual([]);
    expect((await api.call('DELETE', `/memories/${randomUUID()}?erase=true`)).status).toBe(404);
    expect((await api.get<Verdict>('/audit/verify')).body.verified).toBe(true);
  });

  it('[LOG-3] what is written at the same moment as the erasure is erased too, or rejected', async () => {
    const api = await fixture.login();
    const { id } = await api.create({ content: 'SECRET-0' });
    await Promise.all([
      ...Array.from({ length: 10 }, (_, n) => api.call('PUT', `/memories/${id}`, { content: `SECRET-${n}` })),
      api.call('DELETE', `/memories/${id}?erase=true`),
      ...Array.from({ length: 10 }, (_, n) => api.call('PUT', `/memories/${id}`, { content: `SECRET-later-${n}` })),
    ]);
    expect(await findText(fixture.server.deps.db, 'SECRET')).toEqual([]);
    expect((await api.get<Verdict>('/audit/verify')).body.verified).toBe(true);
    expect((await rebuildProjections(fixture.server.deps.db)).firstDifference).toBeUndefined();
  });
});
