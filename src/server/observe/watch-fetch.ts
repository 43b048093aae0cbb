/** Every HTTP request to a provider, repetitions included, by what it is for. Our traces end here: a vendor gets no traceparent. */
import type { ProviderKind, ProviderMetrics } from '../metrics/provider-metrics.ts';
import type { Tracing } from '../tracing/tracing.ts';

export type Fetch = typeof globalThis.fetch;

export function watchFetch(fetch: Fetch, metrics: ProviderMetrics, tracing: Tracing | null): Fetch {
  const counted = async (kind: ProviderKind, given: Parameters<Fetch>): Promise<Response> => {
    const end = metrics.request(kind);
    try {
      const response = await fetch(...given);
      end(response.status);
      return response;
    } catch (error) {
      end(null);
      throw error;
    }
  };
  return (...given) => {
    const url = new URL(given[0] instanceof Request ? given[0].url : given[0]);
    const kind = url.pathname.endsWith('/embeddings') ? 'embedding' : 'extraction';
    if (tracing === null) return counted(kind, given);
    const attributes = { 'http.request.method': 'POST', 'server.address': url.hostname };
    return tracing.span({ name: 'POST', kind: 'client', attributes }, async (span) => {
      const response = await counted(kind, given);
      span.set({ 'http.response.status_code': response.status });
      return response;
    });
  };
}
