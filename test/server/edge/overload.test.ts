/** More than the server can take, at the real door: what is refused, that nobody else notices, and that it is over afterwards. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Api, useServer } from '../../support/api.ts';
import { creation as creationOf, newMemoryId } from '../../support/append.ts';
import { describeOnEachEngine, testDatabase } from '../../support/databases.ts';
import { TestDevice } from '../../support/device.ts';
import { readMetric, untilMetric } from '../../support/metrics.ts';

const narrow = {
  REQUESTS_IN_FLIGHT: '6',
  REQUESTS_PER_USER: '3',
  SEARCHES_IN_FLIGHT: '2',
  TRANSFERS_IN_FLIGHT: '1',
};

const fields = (content: string) => ({ id: randomUUID(), content, type: 'fact', scope: 'user_global' });

describeOnEachEngine('overload', (open) => {
  const fixture = useServer(open, narrow);

  /** Turns of this user that are not over before the test says so. */
  const hold = (api: Api, turns: number): readonly (() => void)[] => {
    const held: (() => void)[] = [];
    const refused = ({ kind }: { readonly kind: string }): void => {
      throw new Error(kind);
    };
    for (let i = 0; i < turns; i++) {
      const admitted = (leave: () => void): void => void held.push(leave);
      fixture.server.deps.admission.queues.light.enter(api.user.user.id, { admitted, refused });
    }
    return held;
  };

  const expectIdle = async (): Promise<void> => {
    const { url } = fixture.server;
    for (const work of ['light', 'search', 'import', 'export']) {
      await untilMetric(url, `aibrain_requests_in_flight{work="${work}"}`, (value) => value === 0);
      expect(await readMetric(url, `aibrain_requests_waiting{work="${work}"}`)).toBe(0);
    }
  };

  it('[SEC-16] a flood is answered with success, 503 or 429 and Retry-After, never otherwise; what was acked is there, others succeed', async () => {
    const [many, one] = [await fixture.login(), await fixture.login()];
    const held = hold(many, 3);
    const bodies = Array.from({ length: 300 }, (_, index) => fields(`flood ${index}`));
    const flood = bodies.map((body) => many.call('POST', '/memories', body));
    for (let i = 0; i < 20; i++) {
      expect((await one.call('POST', '/memories', fields('other'))).status).toBe(201);
      expect((await one.get('/memories?limit=5')).status).toBe(200);
    }
    // So many wait as may; the others have their answers.
    await untilMetric(fixture.server.url, 'aibrain_refused_total{reason="own_queue_full"}', (value) => value >= 288);
    for (const leave of held) leave();
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused).toHaveLength(288);
    for (const { status, headers, body } of refused) {
      expect([status, body.code]).toEqual(status === 429 ? [429, 'too_many_requests'] : [503, 'overloaded']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const acked = bodies.filter((_, index) => answers[index]?.status === 201);
    expect(acked).toHaveLength(12);
    for (const { id } of acked) expect((await many.get(`/memories/${id}`)).status).toBe(200);
    expect(await many.head()).toBe(acked.length);
    await expectIdle();
    expect((await many.call('POST', '/memories', fields('after'))).status).toBe(201);
  });

  it('[SEC-16] many heavy requests of one user keep neither light ones nor another’s waiting until they are refused', async () => {
    const [many, one] = [await fixture.login(), await fixture.login()];
    await many.create({ content: 'green tea' });
    await one.create({ content: 'black tea' });
    const ask = (api: Api) => api.call('POST', '/memories/search', { query: 'tea' });
    const flood = Promise.all(Array.from({ length: 80 }, () => ask(many)));
    const other = await Promise.all([ask(one), ask(one), one.get('/memories'), one.get('/auth/me')]);
    expect(other.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const statuses = (await flood).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(41);
    expect(statuses.filter((status) => status !== 200).every((status) => status === 429)).toBe(true);
    await expectIdle();
  });

  it('[SEC-16] a caller who leaves while waiting leaves the queue, and what is left behind it goes on', async () => {
    const { url } = fixture.server;
    const api = await fixture.login();
    const held = hold(api, 3);
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${api.user.token}` };
    const left = fetch(`${url}/api/v1/auth/me`, { headers, signal: leaving.signal });
    const stays = api.get('/auth/me');
    const waiting = 'aibrain_requests_waiting{work="light"}';
    await untilMetric(url, waiting, (value) => value === 2);
    leaving.abort();
    await expect(left).rejects.toThrow();
    await untilMetric(url, waiting, (value) => value === 1);
    for (const leave of held) leave();
    expect((await stays).status).toBe(200);
    await expectIdle();
  });

  it('[SEC-16] an import beside a flood of writes on the socket loses nothing of either, and a third user is served', async () => {
    const [many, one] = [await fixture.login(), await fixture.login()];
    const lines = Array.from({ length: 3_000 }, (_, index) => `${JSON.stringify(fields(`import ${index}`))}\n`).join('');
    const importing = many.call<{ imported: number }>('POST', '/memories/import', lines, {
      'content-type': 'application/x-ndjson',
    });
    const device = await new TestDevice({ url: fixture.server.url, token: many.user.token }).connect();
    await device.untilFrame('WELCOME');
    for (let i = 0; i < 300; i++) device.write(newMemoryId(), creationOf(`socket ${i}`));
    for (let i = 0; i < 20; i++) expect((await one.call('POST', '/memories', fields(`${i}`))).status).toBe(201);
    expect(await importing).toMatchObject({ status: 200, body: { imported: 3_000 } });
    await device.until(() => device.replica.cursor === 3_300, 'everything');
    expect(device.replica.rows.size).toBe(3_300);
    device.cut();
    await expectIdle();
  });
});

describe('a user who asks without end', () => {
  const fixture = useServer((options) => testDatabase('pglite', options), {
    RATE_LIMIT: 'on',
    USER_PER_MINUTE: '20',
    TRUST_PROXY: '127.0.0.1',
  });

  it('[SEC-3] has a rate over all routes that says itself in every answer, and no other user has it', async () => {
    const [many, one] = [await fixture.login(), await fixture.login()];
    const paths = ['/auth/me', '/memories', '/audit', '/conflicts'];
    for (let i = 1; i <= 20; i++) {
      const { status, headers } = await many.get(paths[i % paths.length] ?? '');
      expect(status).toBe(200);
      expect([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual(['20', String(20 - i)]);
    }
    const limited = await many.get('/memories');
    expect(limited).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await one.get('/memories')).status).toBe(200);
  });
});
