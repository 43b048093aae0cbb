/**
 * Headers that every answer has. Helmet decides those that keep browsers from doing more with an answer than reading it, once: they
 * are the same for every answer, so no request pays for working them out.
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

/**
 * Of Helmet's the ones that mean something for what is no page, as OWASP's REST Security Cheat Sheet lists them. The others are about
 * what a page does next (whom it tells where it comes from, what it opens, looks up, or shares a process with), and every request
 * would pay for writing them.
 */
function apiHeaders({ hsts }: SecurityHeadersOptions): HelmetOptions {
  return {
    contentSecurityPolicy: { useDefaults: false, directives: apiPolicy },
    xContentTypeOptions: true,
    xFrameOptions: { action: 'deny' },
    // Other origins may read what CORS lets them read.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    strictTransportSecurity: hsts && { maxAge: 31_536_000, includeSubDomains: false },
    crossOriginEmbedderPolicy: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    referrerPolicy: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xPoweredBy: false,
    xXssProtection: false,
  };
}

export function installAnswerHeaders(app: FastifyInstance, options: SecurityHeadersOptions): void {
  // What belongs to a user is kept by no cache on the way; a route that may be kept says so itself.
  const headers = { ...headersOfHelmet(apiHeaders(options)), 'cache-control': 'no-store' };
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    reply.headers(headers);
    done();
  });
}

function headersOfHelmet(options: HelmetOptions): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => undefined,
  };
  // It reads nothing of the request, and calls back at once.
  helmet(options)({} as IncomingMessage, response as unknown as ServerResponse, (error?: unknown) => {
    if (error !== undefined) throw error;
  });
  return headers;
}
