/** The log: one JSON object a line. No bodies, no headers, and of a URL never the token (SEC-4). */
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from '../config.ts';
import type { TraceLink, Tracing } from '../tracing/tracing.ts';

export interface LoggerOptions {
  readonly level: Config['logLevel'];
  /** Default: standard output. */
  readonly destination?: DestinationStream;
  /** With traces, a line names the one that it belongs to. */
  readonly tracing?: Pick<Tracing, 'here'> | null;
}

export function createLogger({ level, destination, tracing }: LoggerOptions): Logger {
  const options = {
    level,
    serializers: { req: toLoggedRequest, err: pino.stdSerializers.err },
    ...(tracing && { mixin: () => namesOf(tracing.here()) }),
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

const namesOf = (here: TraceLink | null): object => (here === null ? {} : { traceId: here.traceId, spanId: here.spanId });

interface LoggableRequest {
  readonly method: string;
  readonly url: string;
  readonly ip: string;
}

function toLoggedRequest({ method, url, ip }: LoggableRequest) {
  return { method, url: redactUrl(url), ip };
}

/** `?token=` is how a browser's WebSocket has to say it; percent-encoding of its name does not hide it. */
export function redactUrl(url: string): string {
  const start = url.indexOf('?');
  if (start === -1) return url;
  const query = new URLSearchParams(url.slice(start + 1));
  if (!query.has('token')) return url;
  query.set('token', '[redacted]');
  return `${url.slice(0, start)}?${query}`;
}
