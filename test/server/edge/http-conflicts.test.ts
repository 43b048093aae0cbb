/** Conflicts of two devices, seen and resolved over HTTP. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { type Api, type ConflictJson, type ConflictList, creation, edit, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

interface Contested {
  readonly id: string;
  readonly phone: string;
  readonly laptop: string;
}

/** Two devices that both saw the first event write the same register. */
async function contest(api: Api, path: string, phoneValue: unknown, laptopValue: unknown): Promise<Contested> {
  const [id, phone, laptop] = [randomUUID(), randomUUID(), randomUUID()];
  const { body } = await api.push(phone, 1, 0, [creation(id, '1764000000000-0')]);
  const base = body.head;
  await api.push(phone, 2, base, [edit(id, '1764000000100-0', path, phoneValue)]);
  await api.push(laptop, 1, base, [edit(id, '1764000000200-0', path, laptopValue)]);
  return { id, phone, laptop };
}

const conflictsOf = async (api: Api, status = 'open'): Promise<readonly ConflictJson[]> =>
  (await api.get<ConflictList>(`/conflicts?status=${status}`)).body.conflicts;

const resolve = (api: Api, id: string, body: unknown) =>
  api.call<{ conflict: ConflictJson; memory: MemoryJson }>('POST', `/conflicts/${id}/resolve`, body);

describeOnEachEngine('/conflicts', (open) => {
  const { login } = useServer(open);

  it('[MRG-3] keeps the value that lost, with both sides and their devices', async () => {
    const api = await login();
    const { id, phone, laptop } = await contest(api, '/content', 'by phone', 'by laptop');
    expect((await api.get<MemoryJson>(`/memories/${id}`)).body.content).toBe('by laptop');
    expect(await conflictsOf(api)).toEqual([
      {
        id: expect.any(String),
        memoryId: id,
        register: 'content',
        winner: { seq: 3, device: { id: laptop, name: expect.any(String) }, value: 'by laptop' },
        loser: { seq: 2, device: { id: phone, name: expect.any(String) }, value: 'by phone' },
        at: expect.any(String),
        status: 'open',
      },
    ]);
  });

  it('[MRG-3] the loser is written back as a new event', async () => {
    const api = await login();
    const { id } = await contest(api, '/content', 'by phone', 'by laptop');
    const [conflict] = await conflictsOf(api);
    const { status, body } = await resolve(api, conflict?.id ?? '', { keep: 'loser' });
    expect(status).toBe(200);
    expect(body.memory).toMatchObject({ id, content: 'by phone', seq: 4 });
    expect(body.conflict).toMatchObject({ status: 'resolved', resolution: 'loser', resolvedSeq: 4 });
    expect(await conflictsOf(api)).toEqual([]);
    expect(await conflictsOf(api, 'resolved')).toEqual([body.conflict]);
    const again = await api.call('POST', `/conflicts/${conflict?.id}/resolve`, { keep: 'winner' });
    expect([again.status, again.body.code]).toEqual([409, 'register_moved_on']);
    expect(await api.head()).toBe(4);
  });

  it('[MRG-3] keeping the winner ends the conflict too, though nothing changes', async () => {
    const api = await login();
    await contest(api, '/source', { title: 'phone' }, null);
    const [conflict] = await conflictsOf(api);
    expect(conflict).toMatchObject({ register: 'source', winner: { value: null }, loser: { value: { title: 'phone' } } });
    const { body } = await resolve(api, conflict?.id ?? '', { keep: 'winner' });
    expect(body).toMatchObject({ conflict: { resolution: 'winner' }, memory: { source: null } });
  });

  it('[MRG-3] a register that was written meanwhile has moved on', async () => {
    const api = await login();
    const { id, phone } = await contest(api, '/content', 'by phone', 'by laptop');
    const [conflict] = await conflictsOf(api);
    // Concurrent again: the conflict goes on against another winner than the one that was seen.
    await api.push(phone, 3, 2, [edit(id, '1764000000900-0', '/content', 'by phone again')]);
    const pinned = await resolve(api, conflict?.id ?? '', { keep: 'loser', winnerSeq: conflict?.winner.seq });
    expect(pinned.status).toBe(409);
    await api.call('PUT', `/memories/${id}`, { content: 'settled' });
    expect((await resolve(api, conflict?.id ?? '', { keep: 'loser' })).status).toBe(409);
    expect((await conflictsOf(api, 'resolved')).map((resolved) => resolved.resolution)).toContain('overwritten');
  });

  it('[MRG-5] an edit under a delete can be brought back', async () => {
    const api = await login();
    const [id, phone, laptop] = [randomUUID(), randomUUID(), randomUUID()];
    await api.push(phone, 1, 0, [creation(id, '1764000000000-0')]);
    await api.push(laptop, 1, 1, [edit(id, '1764000000100-0', '/deleted', true)]);
    await api.push(phone, 2, 1, [edit(id, '1764000000200-0', '/content', 'edited')]);
    expect((await api.get(`/memories/${id}`)).status).toBe(404);
    const [conflict] = await conflictsOf(api);
    expect(conflict).toMatchObject({ register: 'deleted', winner: { value: true }, loser: { value: false } });
    const { body } = await resolve(api, conflict?.id ?? '', { keep: 'loser' });
    expect(body.memory).toMatchObject({ content: 'edited' });
    expect((await api.get<MemoryJson>(`/memories/${id}`)).body.content).toBe('edited');
  });

  it('lists them by pages, and refuses what it does not know', async () => {
    const api = await login();
    for (let n = 0; n < 5; n++) await contest(api, '/content', `a${n}`, `b${n}`);
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body }: { body: ConflictList } = await api.get<ConflictList>(
        `/conflicts?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      found.push(...body.conflicts.map((conflict) => conflict.id));
      cursor = body.nextCursor;
    }
    expect([found.length, new Set(found).size]).toEqual([5, 5]);
    expect((await resolve(api, randomUUID(), { keep: 'winner' })).status).toBe(404);
    expect((await resolve(api, found[0] ?? '', { keep: 'both' })).status).toBe(400);
    expect((await api.get('/conflicts?status=lost')).status).toBe(400);
  });
});
