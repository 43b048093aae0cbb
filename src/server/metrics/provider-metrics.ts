/** What is asked of the vendors of vectors and of extraction: every HTTP request, and every question that they serve. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { longSeconds } from './buckets.ts';

export const providerKinds = ['embedding', 'extraction'] as const;
export type ProviderKind = (typeof providerKinds)[number];
export type ModelFailureKind = (typeof failureKinds)[number];

export interface ProviderMetrics {
  /** One HTTP request began. @returns what to call when it ended; null: there was no answer. */
  request(kind: ProviderKind): (status: number | null) => void;
  /** One call for vectors, its repetitions included. */
  embedded(use: 'document' | 'query', ms: number, isOk: boolean): void;
  /** One question to the model, its repetitions included. */
  asked(ms: number, failure: ModelFailureKind | null): void;
  tokens(counts: { readonly input: number; readonly output: number }): void;
}

const answers = ['2xx', '3xx', '4xx', '429', '5xx', 'none'] as const;
const failureKinds = ['cut_off', 'refused', 'rate_limited', 'unavailable', 'unusable'] as const;
const uses = ['document', 'query'] as const;

export function createProviderMetrics(registry: Registry): ProviderMetrics {
  const request = createRequestMetrics(registry);
  const registers = [registry];
  const embeddings = new Histogram({
    name: 'aibrain_embedding_duration_seconds',
    help: 'Time of a call to the provider for vectors, its repetitions included, by use.',
    labelNames: ['use'],
    buckets: [...longSeconds],
    registers,
  });
  const embeddingFailures = new Counter({
    name: 'aibrain_embedding_failures_total',
    help: 'Calls for vectors that failed after all repetitions, by use.',
    labelNames: ['use'],
    registers,
  });
  const questions = new Histogram({
    name: 'aibrain_extraction_duration_seconds',
    help: 'Time of a question to the model that reads conversations, its repetitions included.',
    buckets: [...longSeconds],
    registers,
  });
  const questionFailures = new Counter({
    name: 'aibrain_extraction_failures_total',
    help: 'Questions that had no usable answer after all repetitions, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const tokens = new Counter({
    name: 'aibrain_extraction_tokens_total',
    help: 'Tokens of these questions, where the provider tells them.',
    labelNames: ['direction'],
    registers,
  });
  for (const use of uses) embeddingFailures.inc({ use }, 0);
  for (const kind of failureKinds) questionFailures.inc({ kind }, 0);
  return {
    request,
    embedded(use, ms, isOk) {
      embeddings.observe({ use }, ms / 1_000);
      if (!isOk) embeddingFailures.inc({ use });
    },
    asked(ms, failure) {
      questions.observe(ms / 1_000);
      if (failure !== null) questionFailures.inc({ kind: failure });
    },
    tokens({ input, output }) {
      tokens.inc({ direction: 'input' }, input);
      tokens.inc({ direction: 'output' }, output);
    },
  };
}

function createRequestMetrics(registry: Registry): ProviderMetrics['request'] {
  const registers = [registry];
  const durations = new Histogram({
    name: 'aibrain_provider_request_duration_seconds',
    help: 'Time of one HTTP request to a provider, by what it is for.',
    labelNames: ['kind'],
    buckets: [...longSeconds],
    registers,
  });
  const requests = new Counter({
    name: 'aibrain_provider_requests_total',
    help: 'HTTP requests to a provider, by what came back; none: no answer at all. More than calls or questions: repetitions.',
    labelNames: ['kind', 'answer'],
    registers,
  });
  const underWay = new Gauge({
    name: 'aibrain_provider_requests_under_way',
    help: 'HTTP requests to a provider that wait for their answer.',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of providerKinds) {
    underWay.set({ kind }, 0);
    for (const answer of answers) requests.inc({ kind, answer }, 0);
  }
  return (kind) => {
    const startedAt = performance.now();
    underWay.inc({ kind });
    return (status) => {
      underWay.dec({ kind });
      durations.observe({ kind }, (performance.now() - startedAt) / 1_000);
      requests.inc({ kind, answer: toAnswer(status) });
    };
  };
}

function toAnswer(status: number | null): (typeof answers)[number] {
  if (status === null || status < 200) return 'none';
  if (status === 429) return '429';
  if (status < 300) return '2xx';
  if (status < 400) return '3xx';
  return status < 500 ? '4xx' : '5xx';
}
