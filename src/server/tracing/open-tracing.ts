/** Traces where there is a place to send them to. */
import type { Tracing, TracingOptions } from './tracing.ts';

/** Loading the packages takes about 100 ms: a start without traces does not pay them. */
export async function openTracing(options: TracingOptions): Promise<Tracing | null> {
  if (options.endpoint === null) return null;
  const { createOtlpTracing } = await import('./otlp-tracing.ts');
  return createOtlpTracing({ ...options, endpoint: options.endpoint });
}
