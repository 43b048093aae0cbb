/**
 * Headers that keep browsers from doing more with an answer than reading it (OWASP Secure Headers). Helmet decides them, once:
 * they are the same for every answer, so no request pays for working them out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import helmet, { type HelmetOptions } from 'helmet';

export interface SecurityHeadersOptions {
  /** Browsers are to keep to HTTPS from now on. */
  readonly hsts: boolean;
}

/** An answer of the API is no page: it loads nothing, runs nothing, and stands in no frame. */
const apiPolicy = { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] };

export function installSecurityHeaders(app: FastifyInstance, options: SecurityHeadersOptions): void {
  // What belongs to a user is kept by no cache on the way; a route that may be kept says so itself.
  const headers = { ...headersOfHelmet(options), 'cache-control': 'no-store' };
  app.addHook('onRequest', (_, reply, done) => {
    reply.headers(headers);
    done();
  });
}

function headersOfHelmet({ hsts }: SecurityHeadersOptions): Readonly<Record<string, string>> {
  const policies: HelmetOptions = {
    contentSecurityPolicy: { useDefaults: false, directives: apiPolicy },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    // Other origins may read what CORS lets them read.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    strictTransportSecurity: hsts && { maxAge: 31_536_000, includeSubDomains: false },
  };
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => undefined,
  };
  // It reads nothing of the request, and calls back at once.
  helmet(policies)({} as IncomingMessage, response as unknown as ServerResponse, (error?: unknown) => {
    if (error !== undefined) throw error;
  });
  return headers;
}
