/** `/.well-known/jwks.json` (RFC 7517): what others verify our access tokens with. Public keys only. */
import type { FastifyInstance } from 'fastify';
import type { JWK } from 'jose';
import { z } from 'zod';
import { route } from './route.ts';

export interface PublishedKeysDeps {
  readonly publishedKeys: readonly JWK[];
}

const jwkSchema = z.object({
  kty: z.string(),
  crv: z.string(),
  x: z.string(),
  kid: z.string(),
  alg: z.string(),
  use: z.string(),
});

/** How long verifiers may keep it, s. A rotation waits for that before a new key signs (docs/SECURITY.md). */
const maxAgeSeconds = 300;

export function registerPublishedKeys(app: FastifyInstance, { publishedKeys }: PublishedKeysDeps): void {
  const keys = jwkSchema.array().parse(publishedKeys);
  route(
    app,
    {
      method: 'GET',
      url: '/.well-known/jwks.json',
      summary: 'The public keys of access tokens; none where a shared secret signs',
      operationId: 'getPublishedKeys',
      description:
        'A JSON Web Key Set (RFC 7517), with which others verify access tokens. Keep it no longer than `Cache-Control` says: a key is published that long before it signs.',
      tag: 'operations',
      auth: false,
      answers: { 200: z.object({ keys: z.array(jwkSchema) }) },
    },
    () => ({ status: 200, headers: { 'cache-control': `public, max-age=${maxAgeSeconds}` }, body: { keys } }),
  );
}
