/** Server-side request forgery: addresses in what callers send are text, never called. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createApi } from '../support/api.ts';
import { declaredOperations, type SampleRequest, sampleRequests } from '../support/every-route.ts';
import { startExerciseVendor } from '../support/exercise.ts';
import { fillEveryTable } from '../support/private-user.ts';
import { startTestServer } from '../support/server.ts';

it('[SEC-10] an address in any string of any route is called by nobody, and the vendor alone is', async () => {
  let heard = 0;
  const trap = createServer((_, response) => void response.end('{}'))
    .on('connection', () => heard++)
    .listen(0, '127.0.0.1');
  await once(trap, 'listening');
  const address = `127.0.0.1:${(trap.address() as AddressInfo).port}`;
  const texts = [
    `http://${address}/v1`,
    `//${address}/x`,
    `![](http://${address}/a.png)`,
    `redis://${address}`,
    'file:///etc/passwd',
  ];

  const { vendor, env } = await startExerciseVendor();
  await using _vendor = vendor;
  await using server = await startTestServer({ env });
  const owner = createApi(server.url, await server.register());
  const owned = await fillEveryTable(owner, server.deps);
  const samples = sampleRequests({ ...owned, memory: owned.memory.id, conflict: owned.conflictId });
  let asked = 0;
  for (const [route, { parameters }] of await declaredOperations(server.url)) {
    const sample = samples[route];
    if (sample === undefined) throw new Error(`${route} is not in the walk`);
    let { token } = await server.register();
    for (const text of texts) {
      const query = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
      const paths = [sample.path, ...query.map((name) => `${sample.path.split('?')[0]}?${name}=${encodeURIComponent(text)}`)];
      const requests = [
        ...paths.map((path) => ({ path, body: sample.body })),
        ...replaced(sample.body, text).map((body) => ({ path: sample.path, body })),
      ];
      for (const { path, body } of requests) {
        const status = await ask(server.url + path, route, { ...sample, path, body }, token, text);
        expect(status, `${route} ${path} ${JSON.stringify(body)}`).toBeLessThan(500);
        asked++;
        if (status === 401 || status === 204) token = (await server.register()).token;
      }
    }
  }
  await server.deps.recall.idle();
  expect(asked).toBeGreaterThan(300);
  // What was sent did go on to the vendor, as text.
  expect(JSON.stringify(vendor.chats)).toContain(address);
  expect(heard).toBe(0);
  // The trap hears what does come.
  await fetch(`http://${address}`);
  expect(heard).toBe(1);
  trap.closeAllConnections();
  trap.close();
}, 120_000);

function replaced(value: unknown, text: string): readonly unknown[] {
  if (typeof value === 'string') return [text];
  if (Array.isArray(value)) return value.flatMap((item, at) => replaced(item, text).map((other) => value.with(at, other)));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => replaced(member, text).map((other) => ({ ...value, [name]: other })));
}

async function ask(url: string, route: string, { body, headers }: SampleRequest, token: string, text: string): Promise<number> {
  const response = await fetch(url, {
    method: route.split(' ')[0] ?? '',
    headers: {
      authorization: `Bearer ${token}`,
      ...{ referer: text, origin: text, forwarded: `host=${text}`, 'x-forwarded-host': text, 'x-original-url': text },
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  await response.arrayBuffer();
  return response.status;
}
