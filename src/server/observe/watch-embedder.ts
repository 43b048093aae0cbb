/** A vendor's vectors, counted and traced: how many texts and how long, never which. */
import type { Embedder } from '../embed/embedder.ts';
import type { ProviderMetrics } from '../metrics/provider-metrics.ts';
import type { Tracing } from '../tracing/tracing.ts';

export function watchEmbedder(embedder: Embedder, metrics: ProviderMetrics, tracing: Tracing | null): Embedder {
  const timed: Embedder['embed'] = async (texts, use, signal) => {
    const startedAt = performance.now();
    let isOk = false;
    try {
      const vectors = await embedder.embed(texts, use, signal);
      isOk = true;
      return vectors;
    } finally {
      metrics.embedded(use, performance.now() - startedAt, isOk);
    }
  };
  if (tracing === null) return { ...embedder, embed: timed };
  return {
    ...embedder,
    embed(texts, use, signal) {
      const attributes = {
        'gen_ai.operation.name': 'embeddings',
        'gen_ai.request.model': embedder.model,
        'aibrain.texts': texts.length,
        'aibrain.use': use,
      };
      return tracing.span({ name: `embeddings ${embedder.model}`, kind: 'client', attributes }, () => timed(texts, use, signal));
    },
  };
}
