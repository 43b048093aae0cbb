/** A script of a user that uses the REST API, one request after the other, with pauses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 } from 'uuid';
import type { MemoryId } from '../../src/core/ids.ts';
import { createMemories } from '../memory-generator.ts';
import { createRandom, type Random } from '../random.ts';
import { type RestMemory, toRestMemory } from '../rest-memory.ts';
import type { Ledger } from './ledger.ts';
import type { Observations } from './observations.ts';
import { type Answer, type Ask, openSession, type Session, type SoakRequest } from './session.ts';

export interface RestWorkerDeps {
  readonly ask: Ask;
  readonly session: Session;
  readonly ledger: Ledger;
  readonly observations: Pick<Observations, 'violated'>;
}

const pauseMs = { least: 60, more: 120 } as const;
const importedRecords = 50;
const retryMs = 250;
/** Logins cost a password hash, which is meant to be dear: a few in an hour are what a person does. */
const weights = { create: 40, update: 20, delete: 5, get: 14, list: 8, search: 8, import: 0.5, verify: 1, logout: 0.5 } as const;

type Action = keyof typeof weights;

/** Works until the signal says to stop; what is under way is finished. */
export async function runRestWorker(deps: RestWorkerDeps, seed: number, signal: AbortSignal): Promise<void> {
  const random = createRandom(seed);
  const memories = createMemories(2_000, seed).map(toRestMemory);
  const work = createWork(deps, random, () => memories[random.below(memories.length)] ?? { tags: [] });
  while (!signal.aborted) {
    await work[pick(random)]();
    await sleep(pauseMs.least + random.below(pauseMs.more));
  }
}

function pick(random: Random): Action {
  const entries = Object.entries(weights) as [Action, number][];
  let left = random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [action, weight] of entries) {
    left -= weight;
    if (left < 0) return action;
  }
  return 'create';
}

function createWork(
  { ask, session, ledger, observations }: RestWorkerDeps,
  random: Random,
  draw: () => RestMemory,
): Readonly<Record<Action, () => Promise<void>>> {
  /** Own memories that are there and were not deleted. */
  const ids: MemoryId[] = [];
  const someId = (): MemoryId | undefined => ids[random.below(ids.length)];
  const send = async (method: string, path: string, request: SoakRequest = {}): Promise<Answer> => {
    const answer = await ask(method, path, { ...request, token: await session.token() });
    return answer.status === 401 ? ask(method, path, { ...request, token: await session.renewed() }) : answer;
  };
  /** For what is safe to repeat: until it is acknowledged. */
  const insist = async (method: string, path: string, request: SoakRequest): Promise<Answer> => {
    for (;;) {
      const answer = await send(method, path, request);
      if (answer.status !== null && (answer.status < 400 || answer.body['code'] === 'memory_exists')) return answer;
      if (answer.status !== null && answer.status < 500 && answer.status !== 429)
        observations.violated(`${method} ${path} was refused: ${answer.status} ${JSON.stringify(answer.body)}`);
      await sleep(retryMs);
    }
  };
  const newMemory = () => {
    const memory = draw();
    return { ...memory, id: v7() as MemoryId, content: ledger.newContent(String(memory['content'])) };
  };
  return {
    create: async () => {
      const memory = newMemory();
      const { body } = await insist('POST', '/memories', { json: memory });
      // Where another device changed it since a first, lost answer, the seq is that of the change, or it is a 409.
      const isFirst = body['content'] === memory.content;
      ledger.note({ memoryId: memory.id, content: memory.content, state: 'acked', ...(isFirst && { seq: Number(body['seq']) }) });
      ids.push(memory.id);
    },
    update: async () => {
      const id = someId();
      if (id === undefined) return;
      const content = ledger.newContent(String(draw()['content']));
      // Not repeated: between two attempts somebody else may have written, and the second would be a write of its own.
      const { status, body } = await send('PUT', `/memories/${id}`, { json: { content } });
      if (status === 200) ledger.note({ memoryId: id, content, state: 'acked', seq: Number(body['seq']) });
      else ledger.note({ memoryId: id, content, state: 'unknown' });
    },
    delete: async () => {
      const [id] = ids.splice(random.below(ids.length), 1);
      if (id === undefined) return;
      const { status } = await send('DELETE', `/memories/${id}`);
      if (status === 204) ledger.noteDeleted(id);
    },
    get: async () => {
      const id = someId();
      if (id === undefined) return;
      const { status } = await send('GET', `/memories/${id}`);
      if (status === 404 || status === 410) observations.violated(`memory ${id} was acknowledged, and GET answers ${status}`);
    },
    list: async () => void (await send('GET', '/memories?limit=50')),
    search: async () => void (await send('POST', '/memories/search', { json: { query: String(draw()['content']) } })),
    import: async () => {
      const records = Array.from({ length: importedRecords }, newMemory);
      const { body } = await insist('POST', '/memories/import', {
        ndjson: records.map((record) => `${JSON.stringify(record)}\n`).join(''),
      });
      const failed = body['failed'];
      if (!Array.isArray(failed) || failed.length > 0) observations.violated(`import: ${JSON.stringify(body)}`);
      for (const { id, content } of records) {
        ledger.note({ memoryId: id, content, state: 'acked' });
        ids.push(id);
      }
    },
    verify: async () => {
      const { status, body } = await send('GET', '/audit/verify');
      if (status === 200 && body['verified'] !== true) observations.violated(`/audit/verify: ${JSON.stringify(body)}`);
    },
    logout: () => logOut(ask, observations),
  };
}

/** Another account, so that the devices of this one go on: after the answer its token is refused, on every node. */
async function logOut(ask: Ask, observations: Pick<Observations, 'violated'>): Promise<void> {
  const session = await openSession(ask, `${v7()}@soak.example`);
  const token = await session.token();
  const { status } = await ask('POST', '/auth/logout', { token });
  if (status !== 204) return;
  await sleep(2_000);
  const answers = await Promise.all(Array.from({ length: 4 }, () => ask('GET', '/auth/me', { token })));
  if (answers.some((answer) => answer.status === 200)) observations.violated('a token was taken 2 s after its logout');
}
