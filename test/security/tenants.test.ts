/** The walk over every table and every route: a second user sees and changes nothing of the first, by any of them. */
import { expect, it } from 'vitest';
import { useServer } from '../support/api.ts';
import { describeOnEachEngine } from '../support/databases.ts';
import { declaredOperations, type SampleRequest, sampleRequests } from '../support/every-route.ts';
import { send } from '../support/http.ts';
import { fillEveryTable, rowsOf } from '../support/private-user.ts';

const statusesByMeeting = {
  'not there': [404],
  refused: [400, 401, 403, 409],
  own: [200, 201, 204],
} as const;

describeOnEachEngine('[SEC-1] every route', (open) => {
  const fixture = useServer(open);

  const owned = async () => {
    const owner = await fixture.login();
    const its = await fillEveryTable(owner, fixture.server.deps);
    const ids = {
      memory: its.memory.id,
      conflict: its.conflictId,
      device: its.device,
      apiKey: its.apiKey,
      cursor: its.cursor,
      epoch: its.epoch,
    };
    return { owner, ids, samples: sampleRequests(ids) };
  };

  it('[SEC-1] is in the walk: a new one fails here until it is', async () => {
    const { samples } = await owned();
    expect(Object.keys(samples).sort()).toEqual([...(await declaredOperations(fixture.server.url)).keys()].sort());
  });

  it('[SEC-1] shows a stranger nothing, and leaves every row of every table as it was', async () => {
    const { owner, ids, samples } = await owned();
    const { db } = fixture.server.deps;
    const before = await rowsOf(db, owner.user.user.id);
    expect([...before].filter(([, rows]) => rows.length === 0).map(([table]) => table)).toEqual([]);
    for (const [route, sample] of Object.entries(samples)) {
      // Somebody else each time: what one has made with an id of the owner's is that one's own.
      const { user } = await fixture.login();
      const { status, text } = await ask(`${fixture.server.url}${sample.path}`, route, sample, user.token);
      expect(statusesByMeeting[sample.stranger], `${route}: ${text}`).toContain(status);
      const said = `${sample.path} ${JSON.stringify(sample.body)}`;
      const untold = ['PRIVATE', ...Object.values(ids).filter((id) => !said.includes(id))];
      // The document has no user, and may say what it likes.
      if (route !== 'GET /openapi.json') for (const secret of untold) expect(text, route).not.toContain(secret);
      expect(await rowsOf(db, owner.user.user.id), route).toEqual(before);
    }
  });

  it('[SEC-1] that wants a token answers nobody without one', async () => {
    const { samples } = await owned();
    const operations = await declaredOperations(fixture.server.url);
    for (const [route, { security }] of operations) {
      if (security.length === 0) continue;
      const [method = ''] = route.split(' ');
      for (const authorization of [undefined, 'Bearer x', 'Bearer aib_x', 'Basic eDp4', 'Bearer ']) {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await send(method, `${fixture.server.url}${samples[route]?.path}`, { headers });
        expect([answer.status, answer.body.code], route).toEqual([401, 'unauthorized']);
      }
    }
  });
});

async function ask(url: string, route: string, { body, headers }: SampleRequest, token: string) {
  const response = await fetch(url, {
    method: route.split(' ')[0] ?? '',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}
