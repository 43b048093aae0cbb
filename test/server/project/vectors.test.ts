/** Vectors behind the log: made, made again, taken away, and found. */
import { randomUUID } from 'node:crypto';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { MemoryId, UserId } from '../../../src/core/ids.ts';
import type { Embedder } from '../../../src/server/embed/embedder.ts';
import { createEmbedders } from '../../../src/server/embed/embedders.ts';
import { createLexicalEmbedder } from '../../../src/server/embed/lexical-embedder.ts';
import { createOpenAiEmbedder } from '../../../src/server/embed/openai-embedder.ts';
import { toVector } from '../../../src/server/embed/to-vector.ts';
import { createHub } from '../../../src/server/fanout/hub.ts';
import type { Database } from '../../../src/server/infra/database.ts';
import { removeFormerModels } from '../../../src/server/project/former-models.ts';
import { keepOwnVectors } from '../../../src/server/project/own-vectors.ts';
import { createRecallWorker, type RecallWorker } from '../../../src/server/project/recall-worker.ts';
import { stepTexts } from '../../../src/server/project/texts.ts';
import { dropVectors, readVectorHeads } from '../../../src/server/project/vector-heads.ts';
import { stepVectors, type VectorOptions } from '../../../src/server/project/vectors.ts';
import { nearestMemories } from '../../../src/server/read/nearest.ts';
import { readEmbedded } from '../../../src/server/read/read-embedded.ts';
import { readServingModel } from '../../../src/server/read/serving-model.ts';
import {
  type AppendNode,
  createAppendNode,
  createDatabaseUser,
  creation,
  type DatabaseUser,
  newMemoryId,
  op,
  push,
  setting,
} from '../../support/append.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';
import {
  answerText,
  answerWell,
  type EmbeddingServer,
  letterVector,
  startEmbeddingServer,
} from '../../support/embedding-server.ts';

describeOnEachEngine('vectors', (open) => {
  let place: TestDatabase;
  let db: Database;
  let server: EmbeddingServer;
  let node: AppendNode;
  let user: DatabaseUser;
  let counter: number;

  beforeAll(async () => {
    place = await open();
    db = place.db;
  });
  afterAll(() => place[Symbol.asyncDispose]());
  beforeEach(async () => {
    server = await startEmbeddingServer();
    node = createAppendNode(db);
    user = await createDatabaseUser(db);
    counter = 1;
    return () => server[Symbol.asyncDispose]();
  });

  const embedderOf = (model = 'm'): Embedder => {
    const client = new OpenAI({ apiKey: 'none', baseURL: server.url });
    return createOpenAiEmbedder({ client, random: () => 0, wait: async () => {} }, { model, attempts: 1 });
  };
  const write = async (id: MemoryId, writes: Parameters<typeof op>[1]): Promise<void> => {
    await node.submit(push(user, 1, counter, counter - 1, [op(id, writes)]));
    counter += 1;
  };
  const create = async (...contents: readonly string[]): Promise<readonly MemoryId[]> => {
    const ids = contents.map(newMemoryId);
    for (const [index, content] of contents.entries()) await write(ids[index] ?? newMemoryId(), creation(content));
    return ids;
  };
  const catchUp = async (embedder = embedderOf(), options: VectorOptions = {}, of = user): Promise<void> => {
    while ((await stepVectors({ db, embedder, now: Date.now }, of.userId, options)) === 'more');
  };
  const headOf = async (model = 'm') => (await readVectorHeads(db, user.userId)).find((head) => head.model === model);
  const countRows = async (userId: UserId = user.userId): Promise<number> =>
    (await db.query<{ n: number }>('select count(*) as n from memory_vectors where user_id = $1::uuid', [userId]))[0]?.n ?? -1;
  const find = async (text: string, { of = user, model = 'm', limit = 10, filter = {} } = {}): Promise<readonly MemoryId[]> => {
    const vector = toVector(letterVector(text, 8)) ?? new Float32Array(0);
    return (await nearestMemories(db, { userId: of.userId, model, vector, filter, limit })).map(({ id }) => id);
  };
  const textsSent = (): readonly string[] => server.requests.flatMap(({ input }) => input);

  it('[LOG-7] every live memory gets its vector, equal contents one text, and the nearest is found first', async () => {
    const [tea, twin, rain] = await create('tea tea', 'tea tea', 'rrrr');
    await catchUp();
    expect(await headOf()).toMatchObject({ seq: 3, complete: true, vectors: 3, passHead: null });
    expect(textsSent().toSorted()).toEqual(['rrrr', 'tea tea']);
    expect((await find('tea tea', { limit: 2 })).toSorted()).toEqual([tea, twin].toSorted());
    expect((await find('rr', { limit: 1 }))[0]).toBe(rain);
    expect(await readEmbedded(db, user.userId, [tea, twin, rain, newMemoryId()] as MemoryId[], 'm')).toEqual(
      new Set([tea, twin, rain]),
    );
  });

  it('[LOG-7] an edit of tags costs no text, an edit of the content one; a deleted memory is not found and loses its vector', async () => {
    const [first, second] = (await create('aaaa', 'bbbb')) as [MemoryId, MemoryId];
    await catchUp();
    await write(first, setting('tags/x', true));
    await catchUp();
    expect(textsSent()).toHaveLength(2);
    await write(first, setting('content', 'cccc'));
    expect(await readEmbedded(db, user.userId, [first, second], 'm')).toEqual(new Set([second]));
    await catchUp();
    expect(textsSent().slice(2)).toEqual(['cccc']);
    expect(await find('cccc', { limit: 1 })).toEqual([first]);
    await write(second, setting('deleted', true));
    expect(await find('bbbb')).toEqual([first]);
    await catchUp();
    expect(await headOf()).toMatchObject({ seq: 5, vectors: 1 });
    expect(await countRows()).toBe(1);
  });

  it('[LOG-7] a process that dies between pages leaves work that another one finishes, nothing twice and nothing missing', async () => {
    const contents = Array.from({ length: 10 }, (_, n) => `text ${n}`);
    await create(...contents);
    const embedder = embedderOf();
    const options = { pageSize: 3 };
    await stepVectors({ db, embedder, now: Date.now }, user.userId, options);
    expect(await headOf()).toMatchObject({ seq: 0, passHead: 10, complete: false, vectors: 3 });
    const dying: Database = { ...db, transaction: () => Promise.reject(new Error('killed')) };
    await expect(stepVectors({ db: dying, embedder, now: Date.now }, user.userId, options)).rejects.toThrow('killed');
    await create('written meanwhile');
    await catchUp(embedderOf(), options);
    expect(await headOf()).toMatchObject({ seq: 11, complete: true, vectors: 11 });
    expect(await countRows()).toBe(11);
    expect(new Set(textsSent())).toEqual(new Set([...contents, 'written meanwhile']));
    expect(textsSent()).toHaveLength(14);
  });

  it('[LOG-7] two processes at once do not embed the same; a lease that ran out is taken over, and the late one writes nothing', async () => {
    await create('aaaa', 'bbbb');
    let nowMs = 1_000_000;
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let hasBegun = (): void => {};
    const begun = new Promise<void>((resolve) => {
      hasBegun = resolve;
    });
    const slow: Embedder = {
      ...embedderOf(),
      embed: async (texts) => {
        hasBegun();
        await held;
        return texts.map(() => toVector([1]) ?? new Float32Array(0));
      },
    };
    const late = stepVectors({ db, embedder: slow, now: () => nowMs }, user.userId, { leaseMs: 500 });
    await begun;
    expect(await stepVectors({ db, embedder: embedderOf(), now: () => nowMs }, user.userId)).toBe('leased');
    nowMs += 501;
    expect(await stepVectors({ db, embedder: embedderOf(), now: () => nowMs }, user.userId)).toBe('more');
    const before = await db.query('select memory_id, h::text from memory_vectors where user_id = $1::uuid', [user.userId]);
    letGo();
    await late;
    expect(await db.query('select memory_id, h::text from memory_vectors where user_id = $1::uuid', [user.userId])).toEqual(
      before,
    );
    expect(textsSent()).toHaveLength(2);
  });

  it('[house] while a new model is made the old one serves; then the old vectors go, and those of clients stay', async () => {
    const [first] = (await create('aaaa', 'bbbb', 'cccc')) as [MemoryId];
    await catchUp();
    await keepOwnVectors(db, user.userId, [
      { memoryId: first, content: 'aaaa', vector: new Float32Array(1536).fill(0.02), model: 'client' },
    ]);
    const embedders = createEmbedders({ lexical: createLexicalEmbedder(), ofProvider: embedderOf }, 'n');
    const next = { db, embedder: embedders.present, now: Date.now };
    const options = { pageSize: 2, formerModelMs: -60_000 };
    expect(await stepVectors(next, user.userId, options)).toBe('more');
    expect((await readServingModel(db, user.userId, embedders)).model).toBe('m');
    expect(await find('bbbb', { limit: 3 })).toHaveLength(3);
    await catchUp(embedders.present, options);
    expect((await readServingModel(db, user.userId, embedders)).model).toBe('n');
    expect((await readVectorHeads(db, user.userId)).map(({ model, vectors }) => [model, vectors])).toEqual([
      ['client', 1],
      ['n', 3],
    ]);
    expect(await countRows()).toBe(4);
    expect(await find('aaaa', { model: 'client' })).toEqual([first]);
  });

  it('[house] a model that is used again while its vectors are being taken away gets all of them back', async () => {
    const [first] = (await create('aaaa', 'bbbb', 'cccc')) as [MemoryId];
    await catchUp();
    await catchUp(embedderOf('n'));
    // A process that dies after one portion.
    expect(await removeFormerModels(db, user.userId, 'n', Date.now() + 60_000, 2)).toBe(true);
    expect(await headOf()).toMatchObject({ complete: false, vectors: 1 });
    await catchUp();
    expect(await headOf()).toMatchObject({ seq: 3, complete: true, vectors: 3 });
    expect(await find('aaaa', { limit: 1 })).toEqual([first]);
  });

  it('[house] a text that the provider refuses holds back no other; a key that is refused holds back all', async () => {
    await create('good', 'bad bad', 'fine');
    server.always((request, response) => {
      const isRefused = request.input.some((text) => text.includes('bad'));
      (isRefused ? answerText(400, '{}') : answerWell(8))(request, response);
    });
    await catchUp();
    expect(await headOf()).toMatchObject({ seq: 3, complete: true, vectors: 2 });
    server.always(answerText(401, '{}'));
    await create('later');
    await expect(catchUp()).rejects.toMatchObject({ name: 'EmbeddingFailed', isRetryable: false });
    expect(await headOf()).toMatchObject({ seq: 3 });
    server.always(null);
    await catchUp();
    expect(await headOf()).toMatchObject({ seq: 4, vectors: 3 });
  });

  it('[LOG-3] the vector of a text that was erased while it was embedded is not written', async () => {
    const [id] = (await create('secret')) as [MemoryId];
    const embedder: Embedder = {
      ...embedderOf(),
      embed: async (texts) => {
        await db.query(`update memories set content = '', deleted = true, erased = true where user_id = $1::uuid`, [user.userId]);
        await db.transaction((tx) => dropVectors(tx, user.userId, [id]));
        return texts.map(() => toVector([1]) ?? new Float32Array(0));
      },
    };
    await catchUp(embedder);
    expect(await countRows()).toBe(0);
    expect(await headOf()).toMatchObject({ vectors: 0, seq: 1 });
  });

  it('[SEC-1] nobody finds what is another one’s', async () => {
    await create('tea');
    await catchUp();
    const stranger = await createDatabaseUser(db);
    await catchUp(embedderOf(), {}, stranger);
    expect(await find('tea', { of: stranger })).toEqual([]);
    const [id] = (await create('mine')) as [MemoryId];
    const vector = new Float32Array(1536).fill(0.02);
    await keepOwnVectors(db, stranger.userId, [{ memoryId: id, content: 'mine', vector, model: 'client' }]);
    expect(await countRows(stranger.userId)).toBe(0);
    expect(await readEmbedded(db, stranger.userId, [id], 'client')).toEqual(new Set());
    await keepOwnVectors(db, randomUUID() as UserId, [{ memoryId: id, content: 'mine', vector, model: 'client' }]);
  });

  it('[house] filters are part of the search, not of what is left of it', async () => {
    const ids = await create(...Array.from({ length: 60 }, () => 'tea'));
    await write(ids[59] as MemoryId, setting('type', 'task'));
    await catchUp();
    expect(await find('tea', { limit: 5, filter: { type: ['task'] } })).toEqual([ids[59]]);
    expect(await find('tea', { limit: 5, filter: { deleted: true } })).toEqual([]);
  });

  it('[house] a provider that asks for a month is not asked again at once, as a timer that overflows would', async () => {
    await create('tea');
    server.always(answerText(429, '{}', { 'retry-after': '2592000' }));
    const warnings: string[] = [];
    const note = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', note);
    const worker = await new Promise<RecallWorker>((resolve) => {
      const onError = (): void => void setImmediate(() => resolve(started));
      const deps = { db, hub: createHub(), embedder: embedderOf(), now: Date.now, random: () => 0, stepTexts: async () => true };
      const started = createRecallWorker({ ...deps, onError });
    });
    process.off('warning', note);
    await worker.stop();
    expect(warnings).toEqual([]);
  });

  it('[LOG-7] while the provider is away the words come as far as the log, however many steps that takes', async () => {
    await create(...Array.from({ length: 450 }, (_, index) => `word${index}`));
    server.always(answerText(500, ''));
    const errors: unknown[] = [];
    const worker = createRecallWorker(
      {
        db,
        hub: createHub(),
        embedder: embedderOf(),
        now: Date.now,
        random: () => 0,
        stepTexts: (userId) => stepTexts(db, userId),
        onError: (error: unknown) => errors.push(error),
      },
      { firstWaitMs: 3_600_000 },
    );
    const seqOfTexts = async (): Promise<unknown> =>
      (await db.query<{ text_seq: number }>('select text_seq from recall_heads where user_id = $1::uuid', [user.userId]))[0]
        ?.text_seq;
    await expect.poll(seqOfTexts).toBe(450);
    await worker.stop();
    expect(errors).not.toEqual([]);
    expect(await countRows()).toBe(0);
  });

  it('[LOG-7] the worker follows commits, outlasts a provider that fails, and finds at its start what a crash left', async () => {
    await create('before the start');
    const hub = createHub();
    const errors: unknown[] = [];
    const deps = {
      db,
      hub,
      embedder: embedderOf(),
      now: Date.now,
      random: () => 0,
      stepTexts: async () => true,
      onError: (error: unknown) => errors.push(error),
    };
    const worker = createRecallWorker(deps, { firstWaitMs: 20 });
    await worker.idle();
    expect(await headOf()).toMatchObject({ seq: 1, vectors: 1 });
    await create('after it');
    server.next(answerText(500, ''), answerText(503, ''));
    worker.wake(user.userId);
    await expect.poll(async () => (await headOf())?.seq).toBe(2);
    expect(errors).toHaveLength(2);
    await worker.stop();
    expect(worker.queueLength()).toBe(0);
  });

  it('[LOG-7] writes go first while they come in a burst, and the vectors get their share of writes that never pause', async () => {
    const hub = createHub();
    let commits = 0;
    const elsewhere = newMemoryId() as unknown as UserId;
    const writing = setInterval(() => hub.committedUnseen(elsewhere, ++commits), 5);
    const deps = { db, hub, embedder: embedderOf(), now: Date.now, random: () => 0, stepTexts: async () => true };
    const fail = (error: unknown): void => expect.fail(String(error));
    const patient = createRecallWorker({ ...deps, onError: fail }, { quietMs: 3_600_000, burstMs: 3_600_000 });
    hub.committedUnseen(elsewhere, ++commits);
    await create('one', 'two');
    patient.wake(user.userId);
    while (commits < 60) await new Promise((resolve) => setImmediate(resolve));
    expect(await countRows()).toBe(0);
    const quick = createRecallWorker({ ...deps, onError: fail }, { quietMs: 3_600_000, burstMs: 100 });
    await expect.poll(() => countRows()).toBe(2);
    clearInterval(writing);
    await Promise.all([patient.stop(), quick.stop()]);
  });

  it('[LOG-7] one long step holds back the next ones no longer than a burst does, though writes never pause', async () => {
    const hub = createHub();
    const other = await createDatabaseUser(db);
    const stepped: UserId[] = [];
    const worker = createRecallWorker(
      {
        db,
        hub,
        embedder: embedderOf(),
        now: Date.now,
        random: () => 0,
        async stepTexts(userId) {
          if (stepped.push(userId) === 1) await new Promise((resolve) => setTimeout(resolve, 1_000));
          return true;
        },
        onError: (error: unknown) => expect.fail(String(error)),
      },
      { quietMs: 3_600_000, burstMs: 50, concurrency: 1 },
    );
    hub.committedUnseen(user.userId, 1);
    hub.committedUnseen(other.userId, 1);
    // Nine times the first step would be nine seconds.
    await expect.poll(() => stepped, { timeout: 5_000 }).toContain(other.userId);
    await worker.stop();
  });
});
