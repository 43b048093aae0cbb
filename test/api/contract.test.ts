/**
 * Every route answers as its OpenAPI document says, also where it refuses: each documented outcome (status, and code or media
 * type) is provoked at the real door, and each answer is judged by the document's own schemas. The last test fails when an
 * outcome is documented and was not seen. A new route needs a row in valid-requests.ts and its own errors here.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { UserId } from '../../src/core/ids.ts';
import { accessLimits } from '../../src/server/access/access-limits.ts';
import { attemptLimits } from '../../src/server/access/attempt-delays.ts';
import { type Api, createApi, type Updates } from '../support/api.ts';
import { answerText, startEmbeddingServer } from '../support/embedding-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import { type Contract, type Operation, readContract } from '../support/openapi.ts';
import { callOperation, type RequestParts } from '../support/operation-call.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { announce } from './announce.ts';
import { breakTables } from './break-tables.ts';
import { fillQueues } from './fill-queues.ts';
import { openDatabase, openServer } from './open-server.ts';
import { openSocket } from './open-socket.ts';
import { anotherDevice, contest, contestTag, hello, newApiKey, newMemory, validRequests } from './valid-requests.ts';

// Hundreds of requests in some of these, and a password is hashed for most.
vi.setConfig({ testTimeout: 120_000 });

let server: TestServer;
let contract: Contract;
const seen = new Set<string>();

beforeAll(async () => {
  server = await openServer();
  contract = await readContract(server.url);
});
afterAll(() => server?.[Symbol.asyncDispose]());

const login = async (at = server): Promise<Api> => createApi(at.url, await at.register());

function operation(id: string): Operation {
  const found = contract.operations.get(id);
  if (found === undefined) throw new Error(`there is no operation ${id}`);
  return found;
}

/** Sends it, judges the answer, and keeps that this outcome was seen. */
async function provoke(api: Api, id: string, outcome: string, parts: RequestParts, at = server): Promise<unknown> {
  const answer = await callOperation(at.url, operation(id), parts, api.user.token);
  const was = contract.outcomeOf(operation(id), answer);
  expect(was, `${id}: ${JSON.stringify(answer.body)}`).toBe(`${id} ${outcome}`);
  expect(contract.faultsOf(operation(id), answer), was).toEqual([]);
  seen.add(was);
  return answer.body;
}

const validRequest = async (api: Api, id: string): Promise<RequestParts> => {
  const make = validRequests[id];
  if (make === undefined) throw new Error(`valid-requests.ts has no row for ${id}`);
  return await make(api);
};

async function expectNoSocket(at: TestServer, outcome: string, headers: Readonly<Record<string, string>> = {}, search = '') {
  const opening = operation('openSyncSocket');
  await using socket = await openSocket(`${at.url}/api/v1/sync${search}`, headers);
  expect(contract.outcomeOf(opening, socket.answer)).toBe(`openSyncSocket ${outcome}`);
  expect(contract.faultsOf(opening, socket.answer)).toEqual([]);
  seen.add(`openSyncSocket ${outcome}`);
}

/** Ids of the operations that document this outcome; what refuses a socket has tests of its own. */
const documenting = (outcome: string): readonly string[] =>
  [...contract.operations.keys()].filter((id) => id !== 'openSyncSocket' && contract.outcomes.has(`${id} ${outcome}`));

/** The outcome of an operation that succeeds. */
function successOf(id: string): string {
  const [first] = [...contract.outcomes].filter((outcome) => new RegExp(`^${id} 2\\d\\d`).test(outcome));
  const firstJson = [...contract.outcomes].find((outcome) => new RegExp(`^${id} 2\\d\\d application/json$`).test(outcome));
  return (firstJson ?? first ?? '').slice(id.length + 1);
}

describe('[API-1] what succeeds', () => {
  it('[API-1] every operation answers a request that is right', async () => {
    const other: Readonly<Record<string, string>> = {
      createMemory: '201 application/json',
      exportMemories: '200 application/x-ndjson',
      getMetrics: '200 text/plain',
    };
    for (const id of contract.operations.keys()) {
      if (id === 'openSyncSocket') continue;
      const api = await login();
      await provoke(api, id, other[id] ?? successOf(id), await validRequest(api, id));
    }
  });

  it('[API-1] in each of the media types and with each of the statuses', async () => {
    const api = await login();
    const id = randomUUID();
    await provoke(api, 'createMemory', '201 application/json', { body: { id, ...newMemory } });
    await provoke(api, 'createMemory', '200 application/json', { body: { id, ...newMemory } });
    for (const [format, type] of [
      ['json', 'application/json'],
      ['markdown', 'text/markdown'],
      ['csv', 'text/csv'],
    ] as const)
      await provoke(api, 'exportMemories', `200 ${type}`, { query: { format } });
    const headers = { accept: 'application/msgpack' };
    await provoke(api, 'getSyncUpdates', '200 application/msgpack', { headers });
    await provoke(api, 'getSyncSnapshot', '200 application/msgpack', { headers });
  });

  it('[API-1] in every shape that an answer can have', async () => {
    const api = await login();
    const conflict = await contest(api);
    const { memoryId } = conflict;
    await provoke(api, 'getMemoryHistory', '200 application/json', { params: { id: memoryId }, query: { limit: '1' } });
    await provoke(api, 'resolveConflict', '200 application/json', { params: { id: conflict.id }, body: { keep: 'winner' } });
    await provoke(api, 'listConflicts', '200 application/json', { query: { status: 'resolved' } });
    await provoke(api, 'getMemory', '200 application/json', { params: { id: memoryId }, query: { at: '1' } });
    await provoke(api, 'deleteMemory', '204', { params: { id: memoryId } });
    await provoke(api, 'getMemory', '200 application/json', { params: { id: memoryId }, query: { deleted: 'true' } });
    await provoke(api, 'listMemories', '200 application/json', { query: { deleted: 'true', order: 'updated' } });
    await provoke(api, 'getSyncUpdates', '200 application/json', { query: { form: 'events' } });
    await provoke(api, 'deleteMemory', '204', { params: { id: memoryId }, query: { erase: 'true' } });
    await provoke(api, 'getMemoryHistory', '200 application/json', { params: { id: memoryId } });
    await provoke(api, 'listEvents', '200 application/json', { query: { order: 'asc' } });
    await provoke(api, 'getSyncUpdates', '200 application/json', {});
    await provoke(api, 'getSyncSnapshot', '200 application/json', {});
    const clone = hello({ epoch: randomUUID(), cursor: 3 });
    expect(await provoke(api, 'syncHello', '200 application/json', { body: clone })).toMatchObject({ type: 'RESET' });
    await provoke(api, 'searchMemories', '200 application/json', { body: { embedding: [1, 2], embeddingModel: 'mine' } });
    const csv = 'content,type,scope\nTea,fact,user_global\n';
    await provoke(api, 'importMemories', '200 application/json', { body: csv, mediaType: 'text/csv' });
  });

  it('[API-1] every example of a request is right by its schema', () => {
    for (const { operationId: id, requestBody } of contract.operations.values()) {
      for (const [type, { examples = {} }] of Object.entries(requestBody?.content ?? {})) {
        for (const { value } of Object.values(examples)) expect(contract.takes(operation(id), type, value), id).toBe(true);
      }
    }
  });

  it('[API-1] every example of a request is accepted', async () => {
    for (const id of [
      'createApiKey',
      'createMemory',
      'searchMemories',
      'ingestConversation',
      'importMemories',
      'syncHello',
      'syncPush',
    ]) {
      const [type, { examples = {} } = {}] = Object.entries(operation(id).requestBody?.content ?? {})[0] ?? [];
      expect(Object.keys(examples), id).not.toEqual([]);
      for (const { value } of Object.values(examples)) {
        const api = await login();
        const outcome = id === 'createMemory' ? '201 application/json' : successOf(id);
        await provoke(api, id, outcome, { body: value, mediaType: type ?? '' });
      }
    }
  });

  it('[API-1] the socket opens, and a request that asks for none is told so', async () => {
    await using socket = await openSocket(`${server.url}/api/v1/sync`);
    expect(socket.answer.status).toBe(101);
    seen.add('openSyncSocket 101');
    await provoke(await login(), 'openSyncSocket', '404 not_found', {});
  });

  it('[API-1] [SEC-8] a socket is refused to a page of another origin, and with a token in its address', async () => {
    await expectNoSocket(server, '403 origin_refused', { origin: 'https://elsewhere.example' });
    await using strict = await openServer({ QUERY_TOKEN: 'refuse' });
    await expectNoSocket(strict, '401 unauthorized', {}, '?token=none');
  });

  it('[API-1] [SEC-16] a socket is refused to who has too many, and when there are too many', async () => {
    await using ofAddress = await openServer({ RATE_LIMIT: 'on', SOCKETS_PER_ADDRESS: '1' });
    await using one = await openSocket(`${ofAddress.url}/api/v1/sync`);
    expect(one.answer.status).toBe(101);
    await expectNoSocket(ofAddress, '429 too_many_sockets');
    await using ofAll = await openServer({ SOCKETS: '1' });
    await using another = await openSocket(`${ofAll.url}/api/v1/sync`);
    expect(another.answer.status).toBe(101);
    await expectNoSocket(ofAll, '503 overloaded');
  });
});

/** Routes with a rate of their own; the others count by user. */
const isLimitedByAddress: ReadonlySet<string> = new Set([
  ...['register', 'login', 'refreshTokens', 'changePassword', 'deleteAccount', 'ingestConversation', 'verifyLog'],
]);

describe('[API-1] what is refused whatever the route does', () => {
  it('[API-1] a request without a valid token', async () => {
    const api = await login();
    for (const id of documenting('401 unauthorized').filter((id) => id !== 'refreshTokens')) {
      for (const token of [null, 'no.such.token'])
        await provoke(api, id, '401 unauthorized', { ...(await validRequest(api, id)), token });
    }
    await provoke(api, 'refreshTokens', '401 unauthorized', { body: { refreshToken: 'none' } });
  });

  it('[API-1] a device that was revoked', async () => {
    const api = await login();
    const id = randomUUID();
    const phone = await api.call<{ token: string; refreshToken: string }>('POST', '/auth/login', {
      email: api.user.email,
      password: api.user.password,
      device: { id },
    });
    await api.call('DELETE', `/auth/devices/${id}`);
    const { email, password } = api.user;
    for (const operationId of documenting('403 device_revoked')) {
      const parts: RequestParts =
        operationId === 'login'
          ? { body: { email, password, device: { id } } }
          : operationId === 'refreshTokens'
            ? { body: { refreshToken: phone.body.refreshToken } }
            : { ...(await validRequest(api, operationId)), token: phone.body.token };
      await provoke(api, operationId, '403 device_revoked', parts);
    }
  });

  it('[API-1] [SEC-5] a key whose scopes do not cover it', async () => {
    const api = await login();
    const [reader, admin] = [await newApiKey(api), await newApiKey(api, 'admin')];
    for (const id of documenting('403 insufficient_scope')) {
      // A key of the least scope may do what needs no more; making keys is for nobody's key.
      const token = id === 'createApiKey' ? admin.key : reader.key;
      await provoke(api, id, '403 insufficient_scope', { ...(await validRequest(api, id)), token });
    }
  });

  it('[API-1] a body that is no JSON, of another media type, or over the limit', async () => {
    const api = await login();
    for (const id of documenting('400 invalid_json')) {
      await provoke(api, id, '400 invalid_json', { ...(await validRequest(api, id)), body: '{"content":' });
    }
    for (const id of documenting('415 unsupported_media_type')) {
      const parts = { ...(await validRequest(api, id)), body: 'a: b', mediaType: 'application/yaml' };
      await provoke(api, id, '415 unsupported_media_type', parts);
    }
    const large = JSON.stringify({ text: 'x'.repeat(3_000_000) });
    for (const id of documenting('413 too_large')) {
      if (id === 'importMemories') continue;
      await provoke(api, id, '413 too_large', { ...(await validRequest(api, id)), body: large });
    }
  });

  it('[API-1] [SEC-3] a file that says of itself that it is over the limit is not waited for', async () => {
    const api = await login();
    const importing = operation('importMemories');
    const answer = await announce(`${server.url}${importing.path}`, 3_000_000_000, api.user.token);
    expect(contract.faultsOf(importing, answer)).toEqual([]);
    seen.add(contract.outcomeOf(importing, answer));
    expect(answer.status).toBe(413);
  });

  it('[API-1] [SEC-2] a parameter or a body that is wrong', async () => {
    const api = await login();
    for (const id of documenting('400 invalid_request')) {
      const { parameters = [], requestBody } = operation(id);
      const inQuery = parameters.find((parameter) => parameter.in === 'query');
      const inPath = parameters.find((parameter) => parameter.in === 'path');
      const valid = await validRequest(api, id);
      if (inPath !== undefined) await provoke(api, id, '400 invalid_request', { ...valid, params: { [inPath.name]: 'x' } });
      if (inQuery !== undefined) await provoke(api, id, '400 invalid_request', { ...valid, query: { colour: 'red' } });
      if (requestBody !== undefined && id !== 'importMemories')
        await provoke(api, id, '400 invalid_request', { ...valid, body: 7 });
    }
    const { id } = await api.create();
    const wrongTag = { params: { id }, headers: { 'if-match': '41' } };
    await provoke(api, 'deleteMemory', '400 invalid_request', wrongTag);
    await provoke(api, 'listMemories', '400 invalid_request', { query: { cursor: 'none' } });
  });

  it('[API-1] [SEC-3] too many requests of one address', async () => {
    await using limited = await openServer({ RATE_LIMIT: 'on', TRUST_PROXY: '127.0.0.1' });
    for (const id of documenting('429 rate_limited').filter((each) => isLimitedByAddress.has(each))) {
      // Each has an address of its own; what is counted is the request, whatever becomes of it.
      const headers = { 'x-forwarded-for': `192.0.2.${documenting('429 rate_limited').indexOf(id)}` };
      const api = createApi(limited.url, { ...(await login()).user, token: 'none' });
      const parts = { headers, params: { id: randomUUID() }, ...(operation(id).requestBody && { body: {} }) };
      let answer = await callOperation(limited.url, operation(id), parts, 'none');
      const limit = Number(answer.headers.get('ratelimit-limit'));
      expect(limit, id).toBeGreaterThan(0);
      expect(contract.faultsOf(operation(id), answer), id).toEqual([]);
      for (let left = Number(answer.headers.get('ratelimit-remaining')); left > 0; left--) {
        answer = await callOperation(limited.url, operation(id), parts, 'none');
      }
      await provoke(api, id, '429 rate_limited', parts, limited);
    }
  });

  it('[API-1] [SEC-16] too many requests of one user', async () => {
    await using limited = await openServer({ RATE_LIMIT: 'on', USER_PER_MINUTE: '1' });
    const api = await login(limited);
    for (const id of documenting('429 rate_limited').filter((each) => !isLimitedByAddress.has(each))) {
      const parts = { params: { id: randomUUID() }, ...(operation(id).requestBody && { body: {} }) };
      // All routes count together: this one is what one may in a minute, or too many already.
      await api.get('/auth/me');
      await provoke(api, id, '429 rate_limited', parts, limited);
    }
  });

  it('[API-1] [SEC-16] more requests of one at a time than may wait', async () => {
    await using full = await openServer({ RATE_LIMIT: 'on', QUEUE_SECONDS: '60' });
    const api = await login(full);
    const requests = new Map<string, RequestParts>();
    for (const id of documenting('429 too_many_requests')) requests.set(id, await validRequest(api, id));
    for (const key of [api.user.user.id, '127.0.0.1']) fillQueues(full.deps.admission, key);
    for (const [id, parts] of requests) await provoke(api, id, '429 too_many_requests', parts, full);
  });
});

describe('[API-1] what the database does', () => {
  it.each([
    ['503 overloaded', '57014'],
    ['500 internal_error', '22012'],
  ])('[API-1] %s', async (outcome, sqlState) => {
    await using broken = await openServer();
    const api = await login(broken);
    const requests = new Map<string, RequestParts>();
    for (const id of documenting(outcome)) requests.set(id, await validRequest(api, id));
    await breakTables(broken.deps.db, sqlState);
    for (const [id, parts] of requests) await provoke(api, id, outcome, parts, broken);
    // A file begins with its first memories: whoever cannot have them is told so, in each format.
    for (const format of ['json', 'markdown', 'csv'])
      await provoke(api, 'exportMemories', outcome, { query: { format } }, broken);
  });

  it('[API-1] 503 unavailable', async () => {
    const database = await openDatabase();
    await using away = await startTestServer({ database });
    const api = await login(away);
    const requests = new Map<string, RequestParts>();
    for (const id of documenting('503 unavailable')) requests.set(id, await validRequest(api, id));
    await database.db.close();
    for (const [id, parts] of requests) await provoke(api, id, '503 unavailable', parts, away);
  });
});

describe('[API-1] what an account is refused', () => {
  it('[API-1] passwords, e-mails and tokens', async () => {
    const api = await login();
    const { email, password, refreshToken } = api.user;
    await provoke(api, 'register', '409 email_taken', { body: { email, password } });
    await provoke(api, 'register', '400 weak_password', { body: { email: 'a@example.org', password: 'short' } });
    await provoke(api, 'login', '401 invalid_credentials', { body: { email, password: 'wrong' } });
    await provoke(api, 'changePassword', '401 invalid_credentials', { body: { current: 'wrong', next: 'a long passphrase' } });
    await provoke(api, 'changePassword', '400 weak_password', { body: { current: password, next: 'short' } });
    await provoke(api, 'deleteAccount', '401 invalid_credentials', { body: { password: 'wrong' } });
    await provoke(api, 'refreshTokens', '200 application/json', { body: { refreshToken } });
    await provoke(api, 'refreshTokens', '401 refresh_reused', { body: { refreshToken } });
  });

  it('[API-1] [SEC-6] passwords, tried too often', async () => {
    const bodies: Readonly<Record<string, (api: Api) => unknown>> = {
      login: ({ user }) => ({ email: user.email, password: 'wrong' }),
      changePassword: () => ({ current: 'wrong', next: 'a long passphrase' }),
      deleteAccount: () => ({ password: 'wrong' }),
    };
    await using limited = await openServer({ RATE_LIMIT: 'on' });
    for (const id of documenting('429 too_many_attempts')) {
      const api = await login(limited);
      const parts = { body: bodies[id]?.(api) };
      await provoke(api, id, '401 invalid_credentials', parts, limited);
      // As many as one address may not try in a minute.
      const failures = attemptLimits.ofSource.free + 1;
      await limited.deps.db.query('update login_attempts set failures = $2::int where user_id = $1::uuid', [
        api.user.user.id,
        failures,
      ]);
      await provoke(api, id, '429 too_many_attempts', parts, limited);
    }
  });

  it('[API-1] devices', async () => {
    const api = await login();
    await provoke(api, 'revokeDevice', '404 unknown_device', { params: { id: randomUUID() } });
    await anotherDevice(api);
    await server.deps.db.query(
      `insert into devices (user_id, ordinal, id, name, created_at, last_seen_at)
        select $1::uuid, 100 + n, gen_random_uuid(), 'one of many', now(), now() from generate_series(1, 1000) n`,
      [api.user.user.id],
    );
    const { email, password } = api.user;
    const id = randomUUID();
    const requests: Readonly<Record<string, RequestParts>> = {
      login: { body: { email, password, device: { id } } },
      createApiKey: { body: { name: 'Script', scopes: ['read'] } },
      syncHello: { body: hello({ device: id }) },
      syncPush: { body: { device: id, firstCounter: 1, base: 0, ops: [] } },
      getSyncUpdates: { query: { device: id } },
    };
    for (const operationId of documenting('409 too_many_devices'))
      await provoke(api, operationId, '409 too_many_devices', requests[operationId] ?? {});
  });
});

describe('[API-1] what an API key is refused', () => {
  it('[API-1] keys that there are not, or are too many', async () => {
    const api = await login();
    await provoke(api, 'revokeApiKey', '404 unknown_api_key', { params: { id: randomUUID() } });
    const body = { name: 'Script', scopes: ['read'], expiresAt: '2001-01-01T00:00:00Z' };
    await provoke(api, 'createApiKey', '400 invalid_request', { body });
    for (let made = 0; made < accessLimits.apiKeys; made++) await newApiKey(api);
    const another = await validRequest(api, 'createApiKey');
    await provoke(api, 'createApiKey', '409 too_many_api_keys', another);
  });
});

describe('[API-1] what a memory is refused', () => {
  it('[API-1] one that is unknown, or erased', async () => {
    const api = await login();
    const bodies: Readonly<Record<string, unknown>> = {
      updateMemory: { content: 'x' },
      patchMemory: [{ op: 'replace', path: '/content', value: 'x' }],
      restoreMemory: { seq: 1 },
    };
    const ofMemory = (id: string, memoryId: string): RequestParts => ({
      params: { id: memoryId },
      ...(bodies[id] !== undefined && { body: bodies[id] }),
    });
    for (const id of documenting('404 unknown_memory')) await provoke(api, id, '404 unknown_memory', ofMemory(id, randomUUID()));
    const { id: erased } = await api.create();
    await api.call('DELETE', `/memories/${erased}?erase=true`);
    for (const id of documenting('410 erased_memory')) {
      const parts = id === 'createMemory' ? { body: { id: erased, ...newMemory } } : ofMemory(id, erased);
      await provoke(api, id, '410 erased_memory', parts);
    }
  });

  it('[API-1] states and tags that there are not', async () => {
    const api = await login();
    const { id } = await api.create({ tags: Array.from({ length: 64 }, (_, n) => `t${n}`) });
    const params = { id };
    await provoke(api, 'createMemory', '409 memory_exists', { body: { id, ...newMemory, content: 'another' } });
    await provoke(api, 'getMemory', '404 unknown_seq', { params, query: { at: '2000-01-01' } });
    const later = await api.create();
    await provoke(api, 'restoreMemory', '404 unknown_seq', { params: { id: later.id }, body: { seq: 1 } });
    const stale = { params, headers: { 'if-match': '"0"' } };
    await provoke(api, 'updateMemory', '412 changed_meanwhile', { ...stale, body: { content: 'x' } });
    const patch = [{ op: 'replace', path: '/content', value: 'x' }];
    await provoke(api, 'patchMemory', '412 changed_meanwhile', { ...stale, body: patch });
    await provoke(api, 'deleteMemory', '412 changed_meanwhile', stale);
    await provoke(api, 'patchMemory', '422 patch_failed', { params, body: [{ op: 'remove', path: '/tags/none' }] });
    const oneMore = [{ op: 'add', path: '/tags/one-more', value: true }];
    await provoke(api, 'patchMemory', '422 too_many_tags', { params, body: oneMore });
  });

  it('[API-1] more tags than a memory can ever have had', async () => {
    const api = await login();
    const { id } = await api.create();
    for (let round = 0; round < 16; round++) {
      const tags = Array.from({ length: 64 }, (_, n) => `t${round}-${n}`);
      await provoke(api, 'updateMemory', '200 application/json', { params: { id }, body: { tags } });
    }
    await provoke(api, 'updateMemory', '422 too_many_tags', { params: { id }, body: { tags: ['one more'] } });
  });

  it('[API-1] conflicts', async () => {
    const api = await login();
    const keep = { body: { keep: 'loser' } };
    await provoke(api, 'resolveConflict', '404 unknown_conflict', { params: { id: randomUUID() }, ...keep });
    const { id, memoryId } = await contestTag(api);
    await api.call('PUT', `/memories/${memoryId}`, { tags: Array.from({ length: 64 }, (_, n) => `t${n}`) });
    await provoke(api, 'resolveConflict', '422 too_many_tags', { params: { id }, ...keep });
    const other = await contest(api);
    await provoke(api, 'resolveConflict', '200 application/json', { params: { id: other.id }, ...keep });
    await provoke(api, 'resolveConflict', '409 register_moved_on', { params: { id: other.id }, ...keep });
  });
});

describe('[API-1] what a device is refused', () => {
  const syncCursor = (epoch: string, seq: number): string =>
    Buffer.from(JSON.stringify(['sync', epoch, seq])).toString('base64url');

  it('[API-1] cursors and counters', async () => {
    const api = await login();
    await api.create();
    const { cursor } = (await api.get<Updates>('/memories/sync/updates')).body;
    const [, epoch] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, string];
    const push = { device: randomUUID(), firstCounter: 1, base: 0, ops: [] };
    await provoke(api, 'getSyncUpdates', '409 cursor_ahead', { query: { cursor: syncCursor(epoch, 99) } });
    await provoke(api, 'getSyncUpdates', '409 epoch_mismatch', { query: { cursor: syncCursor(randomUUID(), 0) } });
    await provoke(api, 'getSyncSnapshot', '409 cursor_ahead', { query: { at: '99' } });
    await provoke(api, 'syncPush', '409 cursor_ahead', { body: { ...push, base: 99 } });
    expect(await provoke(api, 'syncPush', '409 counter_gap', { body: { ...push, firstCounter: 7 } })).toMatchObject({
      expected: 1,
    });
    await provoke(api, 'syncHello', '400 unsupported_protocol', { body: hello({ protocol: 99 }) });
    await api.create();
    await server.deps.db.query('update user_heads set floor = 2 where user_id = $1::uuid', [api.user.user.id]);
    await provoke(api, 'getSyncUpdates', '410 cursor_expired', { query: { cursor: syncCursor(epoch, 1) } });
    await provoke(api, 'getSyncSnapshot', '410 cursor_expired', { query: { at: '1' } });
  });
});

describe('[API-1] what a provider does', () => {
  it('[API-1] of embeddings', async () => {
    await using provider = await startEmbeddingServer();
    await using asking = await openServer({ OPENAI_BASE_URL: provider.url });
    const api = await login(asking);
    await api.create();
    await asking.deps.recall.idle(api.user.user.id as UserId);
    provider.always(answerText(429, '{}', { 'retry-after': '77' }));
    const body = { query: 'tea', mode: 'semantic' };
    await provoke(api, 'searchMemories', '503 embedding_unavailable', { body }, asking);
  });

  it('[API-1] of a model that reads', async () => {
    await using openAi = await startOpenAiServer();
    await using asking = await openServer({ OPENAI_BASE_URL: openAi.url, EXTRACTION_TIMEOUT_SECONDS: '1' });
    const api = await login(asking);
    const body = { conversationText: 'User: My name is Ada.' };
    openAi.onChat = () => ({ refusal: 'no' });
    await provoke(api, 'ingestConversation', '422 extraction_refused', { body }, asking);
    openAi.onChat = () => ({ text: 'no JSON' });
    await provoke(api, 'ingestConversation', '502 extraction_failed', { body }, asking);
    openAi.onChat = () => ({ status: 429, headers: { 'retry-after': '9' } });
    await provoke(api, 'ingestConversation', '503 extraction_rate_limited', { body }, asking);
    openAi.onChat = () => 'hangs up';
    await provoke(api, 'ingestConversation', '503 extraction_unavailable', { body }, asking);
  });
});

it('[API-1] every documented outcome was seen', () => {
  expect([...contract.outcomes].filter((outcome) => !seen.has(outcome))).toEqual([]);
});
