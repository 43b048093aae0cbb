/** The log: one JSON object a line. No bodies, no headers, and of a URL never the token (SEC-4). */
import { type DestinationStream, type Logger, pino } from 'pino';

export const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

export type LogLevel = (typeof logLevels)[number];

export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = { level, serializers: { req: toLoggedRequest, err: pino.stdSerializers.err } };
  return destination === undefined ? pino(options) : pino(options, destination);
}

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
