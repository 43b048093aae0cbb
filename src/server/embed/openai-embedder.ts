/** Vectors by OpenAI or whoever speaks its HTTP (Ollama, llama.cpp, vLLM, LM Studio), through the official package. */
import type OpenAI from 'openai';
import { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import { vectorSize } from '../../core/embedding.ts';
import { retryAfterMs } from '../../core/retry-after.ts';
import type { Embedder } from './embedder.ts';
import { EmbeddingFailed } from './embedding-failed.ts';
import { cutText, splitTexts } from './request-texts.ts';
import { toVector } from './to-vector.ts';

export interface OpenAiEmbedderDeps {
  readonly client: OpenAI;
  /** In [0, 1). */
  readonly random: () => number;
  /** Resolves after so many ms; rejects when the signal aborts. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface OpenAiEmbedderOptions {
  readonly model: string;
  /** Of one request. Default 30,000; for a question 10,000 at most. */
  readonly timeoutMs?: number;
  /** Requests for the same texts at most. Default 4; for a question 2. */
  readonly attempts?: number;
}

const batchSize = 100;
const firstWaitMs = 500;
const maxWaitMs = 20_000;
/** Somebody waits for the vector of a question, and a search by words goes on without it. */
const query = { attempts: 2, maxWaitMs: 1_000, timeoutMs: 10_000 } as const;

export function createOpenAiEmbedder(deps: OpenAiEmbedderDeps, options: OpenAiEmbedderOptions): Embedder {
  const { model, timeoutMs = 30_000, attempts = 4 } = options;
  // What the first answer had: a provider that changes it has changed the model, and its vectors compare with none of before.
  let dimensions: number | null = null;

  const document = { attempts, maxWaitMs, timeoutMs } as const;
  const question = { ...query, timeoutMs: Math.min(query.timeoutMs, timeoutMs) } as const;

  const request = async (
    input: readonly string[],
    patience: Patience,
    signal?: AbortSignal,
  ): Promise<readonly Float32Array[]> => {
    const body = { model, input: [...input], encoding_format: 'float' as const };
    const { vectors, length } = toVectors(
      await ask(() =>
        withOwnSignal(signal, (own) =>
          deps.client.embeddings.create(body, { timeout: patience.timeoutMs, maxRetries: 0, signal: own }),
        ),
      ),
      input.length,
    );
    if (dimensions !== null && length !== dimensions) {
      throw new EmbeddingFailed(`vectors of ${length} numbers after some of ${dimensions}`, { isRetryable: false });
    }
    dimensions = length;
    return vectors;
  };

  const requestPatiently = async (
    input: readonly string[],
    patience: Patience,
    signal?: AbortSignal,
  ): Promise<readonly Float32Array[]> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request(input, patience, signal);
      } catch (error) {
        const waitMs = error instanceof EmbeddingFailed ? waitBefore(error, attempt, deps.random()) : null;
        if (waitMs === null || waitMs > patience.maxWaitMs || attempt >= patience.attempts) throw error;
        await deps.wait(waitMs, signal);
      }
    }
  };

  return {
    model,
    batchSize,
    async embed(texts, use, signal) {
      const patience = use === 'query' ? question : document;
      const vectors: Float32Array[] = [];
      for (const input of splitTexts(texts.map(cutText), batchSize)) {
        vectors.push(...(await requestPatiently(input, patience, signal)));
      }
      return vectors;
    },
  };
}

interface Patience {
  /** Requests for the same texts at most. */
  readonly attempts: number;
  /** A longer Retry-After is left to whoever can wait. */
  readonly maxWaitMs: number;
  readonly timeoutMs: number;
}

/** Ms, with full jitter; null when trying again is of no use. */
function waitBefore(error: EmbeddingFailed, attempt: number, random: number): number | null {
  if (!error.isRetryable) return null;
  if (error.retryAfterMs !== undefined) return error.retryAfterMs;
  return Math.round(random * Math.min(maxWaitMs, firstWaitMs * 2 ** (attempt - 1)));
}

/** The package never takes its listeners off: those of one that lives as long as the process would pile up, one a request. */
async function withOwnSignal<T>(signal: AbortSignal | undefined, work: (own: AbortSignal) => PromiseLike<T>): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

async function ask(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    throw toFailure(error);
  }
}

/** Never with the vendor's message: it can quote the text or a part of the key. */
function toFailure(error: unknown): unknown {
  if (error instanceof APIUserAbortError) return error;
  if (error instanceof APIConnectionTimeoutError) return new EmbeddingFailed('no answer in time', { isRetryable: true });
  if (error instanceof APIConnectionError) return new EmbeddingFailed('not reached', { isRetryable: true });
  // Truncated or no JSON at all.
  if (!(error instanceof APIError) || error.status === undefined) {
    return new EmbeddingFailed('an answer that could not be read', { isRetryable: true });
  }
  const status: number = error.status;
  return new EmbeddingFailed(`answered with ${status}`, {
    isRetryable: status === 408 || status === 409 || status === 429 || status >= 500,
    retryAfterMs: askedMs(error.headers),
    isAboutTexts: status === 400 || status === 413 || status === 422,
  });
}

/** OpenAI says it in milliseconds, too. */
function askedMs(headers: Headers | undefined): number | undefined {
  const ms = Number.parseFloat(headers?.get('retry-after-ms') ?? '');
  return ms >= 0 ? ms : retryAfterMs(headers);
}

interface Answer {
  readonly vectors: readonly Float32Array[];
  /** Numbers in each, as the provider gave them. */
  readonly length: number;
}

/** The answer is a vendor's: nothing about its form is taken for granted. */
function toVectors(answer: unknown, count: number): Answer {
  const data: unknown = (answer as { readonly data?: unknown } | null)?.data;
  if (!Array.isArray(data)) throw invalid('no list of vectors');
  if (data.length !== count) throw invalid(`${data.length} vectors for ${count} texts`);
  const vectors = new Array<Float32Array | undefined>(count).fill(undefined);
  const lengths = new Set<number>();
  for (const [place, item] of data.entries()) {
    const { index = place, embedding } = (item ?? {}) as { readonly index?: number; readonly embedding?: unknown };
    if (!Array.isArray(embedding)) throw invalid('an item without a vector');
    if (!Number.isInteger(index) || index < 0 || index >= count || vectors[index] !== undefined) throw invalid('a wrong index');
    if (embedding.length > vectorSize) {
      const text = `vectors of ${embedding.length} numbers: more than ${vectorSize} cannot be kept`;
      throw new EmbeddingFailed(text, { isRetryable: false });
    }
    const vector = toVector(embedding);
    if (vector === null) throw invalid('a vector with no number, or one that is not finite', true);
    vectors[index] = vector;
    lengths.add(embedding.length);
  }
  const [length = 0] = lengths;
  if (lengths.size > 1) throw invalid('vectors of different lengths');
  return { vectors: vectors.filter((vector) => vector !== undefined), length };
}

/** A provider that answers so once may answer well the next time, but hardly at once. */
const invalid = (what: string, isAboutTexts = false): EmbeddingFailed =>
  new EmbeddingFailed(`an answer with ${what}`, { isRetryable: false, isAboutTexts });
