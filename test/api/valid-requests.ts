/** For every operation a request that succeeds, given a user who has nothing yet; what it needs is made first. */
import { randomUUID } from 'node:crypto';
import { type Api, type ConflictJson, type ConflictList, creation, edit } from '../support/api.ts';
import type { RequestParts } from '../support/operation-call.ts';
import { testPassword } from '../support/server.ts';

export type MakeRequest = (api: Api) => RequestParts | Promise<RequestParts>;

export const newMemory = { content: 'Prefers tea', type: 'preference', scope: 'user_global' };

const nothing: MakeRequest = () => ({});
const ofMemory: MakeRequest = async (api) => ({ params: { id: (await api.create()).id } });

export const validRequests: Readonly<Record<string, MakeRequest>> = {
  getHealth: nothing,
  getReadiness: nothing,
  getMetrics: nothing,
  getOpenApi: nothing,
  getDocs: nothing,
  getPublishedKeys: nothing,
  register: () => ({ body: { email: `${randomUUID()}@example.org`, password: testPassword } }),
  login: ({ user }) => ({ body: { email: user.email, password: user.password } }),
  refreshTokens: ({ user }) => ({ body: { refreshToken: user.refreshToken } }),
  logout: nothing,
  getAccount: nothing,
  updateAccount: () => ({ body: { settings: { theme: 'dark' } } }),
  changePassword: ({ user }) => ({ body: { current: user.password, next: 'another long passphrase' } }),
  deleteAccount: ({ user }) => ({ body: { password: user.password } }),
  listDevices: nothing,
  createApiKey: () => ({ body: { name: 'Script', scopes: ['read', 'write'], expiresAt: null } }),
  listApiKeys: async (api) => {
    await newApiKey(api);
    return { query: { limit: '10' } };
  },
  revokeApiKey: async (api) => ({ params: { id: (await newApiKey(api)).id } }),
  revokeDevice: async (api) => ({ params: { id: await anotherDevice(api) } }),
  createMemory: () => ({ body: newMemory }),
  listMemories: async (api) => {
    await api.create({ tags: ['a,b'] });
    return { query: { type: ['fact', 'task'], tags: 'a\\,b', from: '2020-01-01', limit: '10' } };
  },
  getMemory: ofMemory,
  updateMemory: async (api) => ({ ...(await ofMemory(api)), body: { confidence: 0.5 } }),
  patchMemory: async (api) => ({ ...(await ofMemory(api)), body: [{ op: 'add', path: '/tags/home', value: true }] }),
  deleteMemory: ofMemory,
  restoreMemory: async (api) => {
    const { id, seq } = await api.create();
    await api.call('PUT', `/memories/${id}`, { content: 'Coffee' });
    return { params: { id }, body: { seq } };
  },
  searchMemories: async (api) => {
    await api.create({ content: 'Lives in Bern' });
    return { body: { query: 'Bern', explain: true } };
  },
  ingestConversation: () => ({ body: { conversationText: 'User: My name is Ada and I live in Bern.' } }),
  importMemories: () => ({ body: { memories: [newMemory, { content: 'no type' }] } }),
  exportMemories: async (api) => {
    await api.create();
    return {};
  },
  getMemoryHistory: ofMemory,
  syncHello: () => ({ body: hello() }),
  getSyncSnapshot: async (api) => {
    await api.create({ source: { title: 'A chat' } });
    return {};
  },
  getSyncUpdates: async (api) => {
    await api.create();
    return {};
  },
  syncPush: () => ({
    body: { device: randomUUID(), firstCounter: 1, base: 0, ops: [creation(randomUUID(), '1764000000000-0')] },
  }),
  listEvents: async (api) => {
    await contest(api);
    return { query: { order: 'asc' } };
  },
  verifyLog: nothing,
  listConflicts: async (api) => {
    await contest(api);
    return {};
  },
  resolveConflict: async (api) => ({ params: { id: (await contest(api)).id }, body: { keep: 'loser' } }),
};

export const hello = (change: Readonly<Record<string, unknown>> = {}) => ({
  protocol: 1,
  device: randomUUID(),
  epoch: null,
  cursor: 0,
  lastCounter: 0,
  now: 1_764_000_000_000,
  ...change,
});

/** Two devices that both saw the first event write the same register. */
export async function contest(api: Api): Promise<ConflictJson> {
  const [id, phone, laptop] = [randomUUID(), randomUUID(), randomUUID()];
  const base = (await api.push(phone, 1, 0, [creation(id, '1764000000000-0')])).body.head;
  await api.push(phone, 2, base, [edit(id, '1764000000100-0', '/content', 'by phone')]);
  await api.push(laptop, 1, base, [edit(id, '1764000000200-0', '/content', 'by laptop')]);
  return await firstConflict(api);
}

/** The laptop added a tag and took it away, the phone added it meanwhile, and earlier by its clock. */
export async function contestTag(api: Api): Promise<ConflictJson> {
  const [id, phone, laptop] = [randomUUID(), randomUUID(), randomUUID()];
  const base = (await api.push(phone, 1, 0, [creation(id, '1764000000000-0')])).body.head;
  const remove = { memoryId: id, hlc: '1764000000300-0', patch: [{ op: 'remove', path: '/tags/x' }] };
  await api.push(laptop, 1, base, [edit(id, '1764000000200-0', '/tags/x', true), remove]);
  await api.push(phone, 2, base, [edit(id, '1764000000100-0', '/tags/x', true)]);
  return await firstConflict(api);
}

async function firstConflict(api: Api): Promise<ConflictJson> {
  const conflict = (await api.get<ConflictList>('/conflicts')).body.conflicts[0];
  if (conflict === undefined) throw new Error('there is no conflict');
  return conflict;
}

/** An API key, and its id. @param scope the most it may. */
export async function newApiKey(api: Api, scope = 'read'): Promise<{ readonly id: string; readonly key: string }> {
  const made = await api.call<{ id: string; key: string }>('POST', '/auth/api-keys', { name: 'Script', scopes: [scope] });
  return made.body;
}

/** A device of the user that is not the one that asks. */
export async function anotherDevice(api: Api): Promise<string> {
  const device = { id: randomUUID(), name: 'Phone' };
  await api.call('POST', '/auth/login', { email: api.user.email, password: api.user.password, device });
  return device.id;
}
