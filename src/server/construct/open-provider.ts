/** The vendor of embeddings and extraction, where one is named. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Embedder } from '../embed/embedder.ts';
import type { ChatModel } from '../ingest/chat-model.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { watchChatModel } from '../observe/watch-chat-model.ts';
import { watchEmbedder } from '../observe/watch-embedder.ts';
import { watchFetch } from '../observe/watch-fetch.ts';
import type { Tracing } from '../tracing/tracing.ts';

export interface ProviderDeps {
  readonly metrics: Pick<Metrics, 'provider'>;
  readonly tracing: Tracing | null;
}

export interface Provider {
  readonly embedderOf: (model: string) => Embedder;
  readonly chatModel: ChatModel;
}

/** Null where nobody is named. A server of one's own needs no key. Loading the package takes 60 ms: a start without one does not pay them. */
export async function openProvider(config: Config, { metrics, tracing }: ProviderDeps): Promise<Provider | null> {
  const { openAiApiKey, openAiBaseUrl, extractionModel: model, extractionTimeoutSeconds } = config;
  if (openAiApiKey === null && openAiBaseUrl === null) return null;
  const [{ default: OpenAI }, { createOpenAiEmbedder }, { createOpenAiChatModel }] = await Promise.all([
    import('openai'),
    import('../embed/openai-embedder.ts'),
    import('../ingest/openai-chat-model.ts'),
  ]);
  // Retries are ours. A log of its own would show requests and headers.
  const client = new OpenAI({
    apiKey: openAiApiKey ?? 'none',
    baseURL: openAiBaseUrl,
    maxRetries: 0,
    logLevel: 'off',
    fetch: watchFetch(globalThis.fetch, metrics.provider, tracing),
  });
  const embedding = {
    client,
    random: Math.random,
    wait: (ms: number, signal?: AbortSignal) => wait(ms, undefined, { ref: false, ...(signal && { signal }) }),
  };
  return {
    embedderOf: (name) => watchEmbedder(createOpenAiEmbedder(embedding, { model: name }), metrics.provider, tracing),
    chatModel: watchChatModel(
      createOpenAiChatModel(client, { model, timeoutMs: extractionTimeoutSeconds * 1_000 }),
      metrics.provider,
      tracing,
    ),
  };
}
