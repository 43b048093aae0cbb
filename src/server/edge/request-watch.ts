/** Every request on its way through the server: counted by its route, warned of when it is slow, traced where traces are on. */
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { RouteMetrics } from '../metrics/http-metrics.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RequestSpan, Tracing } from '../tracing/tracing.ts';
import type { RequestLog } from './request-log.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of the route; set when it is declared. */
    metrics?: RouteMetrics;
  }
}

export interface RequestWatchDeps {
  readonly metrics: Metrics;
  readonly tracing: Tracing | null;
  readonly config: { readonly slowRequestMs: number };
}

/** Before any route is declared: it prepares the metrics of each. */
export function watchRequests(
  app: FastifyInstance,
  requests: Pick<RequestLog, 'onEnd'>,
  { metrics, tracing, config }: RequestWatchDeps,
): void {
  const { http } = metrics;
  const spans = new WeakMap<FastifyRequest, RequestSpan>();
  app.addHook('onRoute', (route) => {
    const [method = 'any'] = [route.method].flat();
    route.config = { ...route.config, metrics: http.route(method, route.url) };
    // An upgrade has no answer that would end its span; what comes over the socket has spans of its own.
    if (tracing !== null && route.websocket !== true)
      route.onRequest = [traceRequest(tracing, spans, route.url), route.onRequest ?? []].flat();
  });
  const unmatched = http.route('any', 'unmatched');
  requests.onEnd((request, reply) => {
    const ms = reply.elapsedTime;
    (request.routeOptions.config.metrics ?? unmatched).done(reply.statusCode, ms);
    if (config.slowRequestMs > 0 && ms > config.slowRequestMs) warnOfSlow(request, ms);
    if (tracing !== null) spans.get(request)?.end(reply.statusCode);
  });
  http.countConnections(
    () => new Promise((resolve) => app.server.getConnections((error, count) => resolve(error === null ? count : 0))),
  );
}

type Spans = WeakMap<FastifyRequest, RequestSpan>;

/** It is ended where every request ends. */
function traceRequest(tracing: Tracing, spans: Spans, pattern: string): onRequestHookHandler {
  return (request, _reply, next) => {
    const { traceparent } = request.headers;
    const attributes = { 'http.request.method': request.method, 'http.route': pattern, 'aibrain.request_id': request.id };
    const what = { name: `${request.method} ${pattern}`, kind: 'server', attributes } as const;
    spans.set(request, tracing.request(what, typeof traceparent === 'string' ? traceparent : undefined, next));
  };
}

/** The pattern of its route, as the line of the request itself has the address. */
function warnOfSlow(request: FastifyRequest, ms: number): void {
  request.log.warn(
    { method: request.method, route: request.routeOptions.url ?? 'unmatched', ms: Math.round(ms) },
    'slow request',
  );
}
