/** Vectors by a provider over real HTTP, well and badly answered. */
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { vectorSize } from '../../../src/core/embedding.ts';
import type { Embedder } from '../../../src/server/embed/embedder.ts';
import { EmbeddingFailed } from '../../../src/server/embed/embedding-failed.ts';
import { createOpenAiEmbedder } from '../../../src/server/embed/openai-embedder.ts';
import { cutText } from '../../../src/server/embed/request-texts.ts';
import { toVector } from '../../../src/server/embed/to-vector.ts';
import {
  answerText,
  answerVectors,
  breakOff,
  type EmbeddingServer,
  startEmbeddingServer,
  staySilent,
} from '../../support/embedding-server.ts';

describe('[house] vectors by OpenAI’s HTTP', () => {
  let server: EmbeddingServer;
  let waits: number[];
  let embedder: Embedder;

  beforeEach(async () => {
    server = await startEmbeddingServer();
    waits = [];
    const client = new OpenAI({ apiKey: 'none', baseURL: server.url });
    const wait = async (ms: number): Promise<void> => void waits.push(ms);
    embedder = createOpenAiEmbedder({ client, random: () => 0.5, wait }, { model: 'm', timeoutMs: 200, attempts: 3 });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  const failureOf = async (texts: readonly string[] = ['a']): Promise<EmbeddingFailed> => {
    const error = await embedder.embed(texts, 'document').catch((reason: unknown) => reason);
    if (!(error instanceof EmbeddingFailed)) throw new Error(`no EmbeddingFailed: ${String(error)}`);
    return error;
  };

  it('[house] a smaller vector is padded with zeros and has length 1', async () => {
    const [vector] = await embedder.embed(['abc'], 'document');
    expect(vector).toHaveLength(vectorSize);
    expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 5);
    expect(vector?.slice(8).every((number) => number === 0)).toBe(true);
    expect(server.requests[0]).toMatchObject({ model: 'm', encoding_format: 'float' });
  });

  it('[house] a signal that outlives many requests keeps no listener of theirs, and still ends one', async () => {
    const controller = new AbortController();
    for (let n = 0; n < 3; n++) await embedder.embed([`text ${n}`], 'document', controller.signal);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    server.next(staySilent);
    const ending = embedder.embed(['abc'], 'document', controller.signal);
    await expect.poll(() => server.requests.length).toBe(4);
    controller.abort();
    await expect(ending).rejects.toThrow(/abort/i);
  });

  it('[house] many texts go in requests of 100 at most, few when they are long, and come back in order', async () => {
    const texts = Array.from({ length: 250 }, (_, n) => 'x'.repeat(n + 1));
    expect(await embedder.embed(texts, 'document')).toHaveLength(250);
    expect(server.requests.map(({ input }) => input.length)).toEqual([100, 100, 50]);
    await embedder.embed(
      Array.from({ length: 30 }, () => 'y'.repeat(10_000)),
      'document',
    );
    expect(server.requests.slice(3).map(({ input }) => input.length)).toEqual([20, 10]);
  });

  it('[house] 429 is tried again after what Retry-After says', async () => {
    server.next(answerText(429, '{"error":{"message":"slow"}}', { 'retry-after': '7' }));
    expect(await embedder.embed(['a'], 'document')).toHaveLength(1);
    expect(waits).toEqual([7_000]);
  });

  it('[house] a long Retry-After is left to the caller', async () => {
    server.always(answerText(429, '{}', { 'retry-after': '90' }));
    expect(await failureOf()).toMatchObject({ isRetryable: true, retryAfterMs: 90_000 });
    expect(server.requests).toHaveLength(1);
  });

  it('[house] Retry-After can be a date, by the clock of the provider', async () => {
    const date = 'Wed, 21 Oct 2015 07:28:00 GMT';
    server.always(answerText(429, '{}', { 'retry-after': 'Wed, 21 Oct 2015 07:29:30 GMT', date }));
    expect(await failureOf()).toMatchObject({ retryAfterMs: 90_000 });
    server.always(answerText(429, '{}', { 'retry-after': 'soon', date }));
    expect(await failureOf()).toMatchObject({ retryAfterMs: undefined });
  });

  it('[house] somebody waits for the vector of a question: it is asked for twice at most, and not after a long wait', async () => {
    server.always(answerText(500, ''));
    await expect(embedder.embed(['a'], 'query')).rejects.toMatchObject({ isRetryable: true });
    expect(server.requests).toHaveLength(2);
    server.always(answerText(429, '{}', { 'retry-after': '7' }));
    await expect(embedder.embed(['a'], 'query')).rejects.toMatchObject({ retryAfterMs: 7_000 });
    expect(server.requests).toHaveLength(3);
  });

  it('[house] 500s, silence and answers that break off are tried again, each time later, and then told', async () => {
    server.next(answerText(500, 'oops'), staySilent);
    expect(await embedder.embed(['a'], 'document')).toHaveLength(1);
    expect(waits).toEqual([250, 500]);
    for (const behaviour of [answerText(503, ''), breakOff, answerText(200, '{"data":[')]) {
      server.always(behaviour);
      const before = server.requests.length;
      expect(await failureOf()).toMatchObject({ isRetryable: true, isAboutTexts: false });
      expect(server.requests.length - before).toBe(3);
    }
  });

  it('[SEC-4] what cannot get better is told at once, without the words of the vendor', async () => {
    server.next(answerText(401, '{"error":{"message":"Incorrect API key provided: sk-secret"}}'));
    const refused = await failureOf();
    expect(refused).toMatchObject({ isRetryable: false, isAboutTexts: false });
    expect(`${refused.message}${refused.stack}${JSON.stringify(refused)}`).not.toContain('sk-secret');
    server.next(answerText(400, '{"error":{"message":"too long"}}'));
    expect(await failureOf()).toMatchObject({ isRetryable: false, isAboutTexts: true });
    expect(waits).toEqual([]);
  });

  it('[house] no part of an answer is kept that is not whole, finite and of one length', async () => {
    const bad: readonly (readonly unknown[])[] = [
      [[1, 2]],
      [
        [1, 2],
        [1, 2, 3],
      ],
      [
        [1, 2],
        [1, null],
      ],
      [[1, 2], []],
      [[1, 2], 'x'],
      [[1, 2], new Array(vectorSize + 1).fill(1)],
    ];
    for (const vectors of bad) {
      server.next(answerVectors(vectors));
      expect((await failureOf(['a', 'b'])).isRetryable).toBe(false);
    }
    server.next(answerText(200, '{"data":[{"index":0,"embedding":[NaN]}]}'), answerText(200, '{"data":[{"embedding":[1e999]}]}'));
    await expect(embedder.embed(['a'], 'document')).rejects.toBeInstanceOf(EmbeddingFailed);
  });

  it('[house] a provider that changes the length of its vectors is refused', async () => {
    await embedder.embed(['a'], 'document');
    server.next(answerVectors([[1, 2, 3]]));
    expect((await failureOf()).message).toContain('3 numbers after some of 8');
  });
});

describe('[house] vectors as they are kept', () => {
  it('[house] padding and normalising keep the direction; what is no vector is null', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }), (numbers) => {
        const vector = toVector(numbers);
        const largest = Math.max(...numbers.map(Math.abs));
        const length = Math.hypot(...(vector ?? []));
        expect(largest === 0 ? length : length - 1).toBeCloseTo(0, 4);
        numbers.forEach((number, index) => {
          if (largest > 0 && Math.abs(number) > largest / 1e3) expect(Math.sign(vector?.[index] ?? 0)).toBe(Math.sign(number));
        });
      }),
    );
    for (const wrong of [[], [Number.NaN], [Number.POSITIVE_INFINITY], new Array(vectorSize + 1).fill(1)])
      expect(toVector(wrong)).toBeNull();
  });

  it('[house] a text is cut to what a model of 8,192 tokens takes, and never in the middle of a character', () => {
    expect(cutText('a'.repeat(30_000)).length).toBe(24_000);
    expect([...cutText('漢'.repeat(10_000))].length).toBe(6_153);
    expect(cutText('😀'.repeat(10_000)).isWellFormed()).toBe(true);
    expect(cutText('')).toBe(' ');
  });
});
