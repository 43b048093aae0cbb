/** GET /audit. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Api, creation, type EventList, edit, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

const seqs = async (api: Api, query: string): Promise<number[]> => {
  const { status, body } = await api.get<EventList>(`/audit?${query}`);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.events.map((event) => event.seq);
};

describeOnEachEngine('/audit', (open) => {
  const fixture = useServer(open);

  it('filters by memory, device, kind, time and seq', async () => {
    const api = await fixture.login();
    const phone = randomUUID();
    const id = randomUUID();
    const { id: other } = await api.create();
    await api.push(phone, 1, 1, [creation(id, '1764000000000-0'), edit(randomUUID(), '1764000000000-0', '/content', 'x')]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const between = encodeURIComponent(new Date().toISOString());
    await new Promise((resolve) => setTimeout(resolve, 5));
    await api.call('PUT', `/memories/${id}`, { content: 'Coffee' });
    await api.call('DELETE', `/memories/${other}`);
    const expected: readonly (readonly [string, readonly number[]])[] = [
      ['', [5, 4, 3, 2, 1]],
      ['order=asc', [1, 2, 3, 4, 5]],
      [`memoryId=${id}`, [4, 2]],
      [`deviceId=${phone}`, [3, 2]],
      [`deviceId=${api.user.device.id}`, [5, 4, 1]],
      ['deviceId=00000000-0000-0000-0000-000000000000', [5, 4, 1]],
      [`deviceId=${randomUUID()}`, []],
      ['kind=reject', [3]],
      ['kind=create&order=asc', [1, 2]],
      [`from=${between}`, [5, 4]],
      [`to=${between}`, [3, 2, 1]],
      ['fromSeq=2&toSeq=4', [4, 3, 2]],
      ['fromSeq=2&toSeq=4&order=asc', [2, 3, 4]],
      ['fromSeq=9', []],
      [`deviceId=${api.user.device.id}&kind=delete`, [5]],
    ];
    for (const [query, found] of expected) expect(await seqs(api, query), query).toEqual(found);
    const { body } = await api.get<EventList>('/audit?kind=reject');
    expect(body.events[0]).toMatchObject({ outcome: 'rejected', code: 'unknown_memory', counter: 2, device: { id: phone } });
  });

  it('pages both ways without gaps or doubles', async () => {
    const api = await fixture.login();
    for (let n = 0; n < 13; n++) await api.create();
    for (const query of [
      'order=asc',
      'order=desc',
      `order=desc&deviceId=${api.user.device.id}`,
      'order=asc&fromSeq=3&toSeq=11',
    ]) {
      const found: number[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const { body }: { body: EventList } = await api.get<EventList>(
          `/audit?limit=3&${query}${cursor === '' ? '' : `&cursor=${cursor}`}`,
        );
        found.push(...body.events.map((event) => event.seq));
        cursor = body.nextCursor;
      }
      expect(found, query).toEqual(await seqs(api, `limit=500&${query}`));
    }
  });

  it('[LOG-5] every event carries what its writer had seen', async () => {
    const api = await fixture.login();
    const [phone, laptop, id] = [randomUUID(), randomUUID(), randomUUID()];
    const server = '00000000-0000-0000-0000-000000000000';
    await api.push(phone, 1, 0, [creation(id, '1764000000000-0')]);
    await api.push(laptop, 1, 0, [creation(randomUUID(), '1764000000000-0')]);
    await api.call('PUT', `/memories/${id}`, { content: 'Coffee' });
    await api.push(phone, 2, 1, [edit(id, '1764000000001-0', '/confidence', 1)]);
    const { body } = await api.get<EventList>('/audit?order=asc');
    expect(body.events.map((event) => event.vectorClock)).toEqual([
      { [phone]: 1 },
      { [laptop]: 1 },
      { [phone]: 1, [laptop]: 1, [server]: 1 },
      { [phone]: 2 },
    ]);
  });

  it('refuses wrong filters', async () => {
    const api = await fixture.login();
    for (const query of ['memoryId=x', 'kind=x', 'fromSeq=-1', 'limit=501', 'order=up', 'cursor=x', 'from=x', 'other=1']) {
      expect((await api.get(`/audit?${query}`)).status, query).toBe(400);
    }
  });
});
