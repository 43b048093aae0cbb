/** Every request on its way through the server: counted by its route, warned of when it is slow, traced where traces are on. */
import type { FastifyInstance, FastifyRequest, onRequestHookHandler, onResponseHookHandler } from 'fastify';
import type { Metrics } from '../metrics/metrics.ts';
import type { RequestSpan, Tracing } from '../tracing/tracing.ts';

export interface RequestWatchDeps {
  readonly metrics: Metrics;
  readonly tracing: Tracing | null;
  readonly config: { readonly slowRequestMs: number };
}

/** Before any route is declared: it prepares the metrics of each. */
export function watchRequests(app: FastifyInstance, { metrics, tracing, config }: RequestWatchDeps): void {
  const { http } = metrics;
  const spans = new WeakMap<FastifyRequest, RequestSpan>();
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      const { done } = http.route(method, route.url);
      const observe: onResponseHookHandler = (request, reply, next) => {
        if (request.method === method) done(reply.statusCode, reply.elapsedTime);
        next();
      };
      route.onResponse = [route.onResponse ?? [], observe].flat();
    }
    // An upgrade has no answer that would end its span; what comes over the socket has spans of its own.
    if (tracing !== null && route.websocket !== true)
      route.onRequest = [traceRequest(tracing, spans, route.url), route.onRequest ?? []].flat();
  });
  const unmatched = http.route('any', 'unmatched');
  app.addHook('onResponse', (request, reply, next) => {
    if (request.is404) unmatched.done(reply.statusCode, reply.elapsedTime);
    if (config.slowRequestMs > 0 && reply.elapsedTime > config.slowRequestMs) warnOfSlow(request, reply.elapsedTime);
    if (tracing !== null) spans.get(request)?.end(reply.statusCode);
    next();
  });
  http.countConnections(
    () => new Promise((resolve) => app.server.getConnections((error, count) => resolve(error === null ? count : 0))),
  );
}

type Spans = WeakMap<FastifyRequest, RequestSpan>;

/** It is ended by the hook that every request passes last. */
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
