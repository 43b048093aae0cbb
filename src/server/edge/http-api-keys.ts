/** /auth/api-keys: keys for scripts and agents, accepted wherever a token is. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { idSchema, parseId, type SessionId } from '../../core/ids.ts';
import { text } from '../../core/memory-schemas.ts';
import type { Access } from '../access/access.ts';
import { accessLimits } from '../access/access-limits.ts';
import type { ApiKeyInfo } from '../access/api-keys.ts';
import { scopes } from '../access/scopes.ts';
import { type AuthDeps, toIso } from './http-auth.ts';
import { limit } from './query-values.ts';
import { route } from './route.ts';

const scopeSchema = z.enum(scopes, `must be one of ${scopes.join(', ')}`);

const keyFields = z.object({
  id: idSchema<SessionId>(),
  name: z.string(),
  scopes: z.array(scopeSchema),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable().meta({ description: 'To the minute.' }),
});

const keySchema = keyFields.meta({ id: 'ApiKey' });

const creationFields = z.strictObject({
  name: text(accessLimits.apiKeyNameChars),
  scopes: z
    .array(scopeSchema)
    .min(1)
    .max(scopes.length)
    .refine((given) => new Set(given).size === given.length, 'must not repeat a scope')
    .meta({ uniqueItems: true, description: 'write includes read, admin includes both; only whoever is logged in makes keys.' }),
  expiresAt: z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 time' })
    .transform((time) => Date.parse(time))
    .nullable()
    .optional()
    .meta({ description: `In the future. Default: ${accessLimits.apiKeyDays} days from now; null: never.` }),
});

const creationSchema = creationFields.meta({ id: 'ApiKeyRequest' });

const createdSchema = keyFields
  .extend({ key: z.string().meta({ description: 'Shown this once.' }) })
  .meta({ id: 'CreatedApiKey' });

const pageSchema = z.strictObject({
  limit: limit(accessLimits.apiKeys, accessLimits.apiKeys),
  cursor: z.uuid('is not a cursor of this list').optional().meta({ description: 'The `nextCursor` of the page before.' }),
});

const tag = 'api keys';

export interface ApiKeyRouteDeps extends AuthDeps {
  readonly now: () => number;
}

export function registerApiKeyRoutes(app: FastifyInstance, { access, now }: ApiKeyRouteDeps): void {
  registerCreation(app, access, now);
  registerList(app, access);
  registerRevocation(app, access);
}

function registerCreation(app: FastifyInstance, access: Access, now: () => number): void {
  route(
    app,
    {
      method: 'POST',
      url: '/auth/api-keys',
      summary: 'Make an API key. The answer is the only place that shows it',
      operationId: 'createApiKey',
      description:
        'For scripts and agents, which send it as they would a token. It has a device of its own in the history. A key makes no keys: only whoever is logged in does.',
      examples: {
        'For a script that only reads': { name: 'Backup', scopes: ['read'] },
        'For an agent, without an end': { name: 'Agent', scopes: ['write'], expiresAt: null },
      },
      tag,
      auth: true,
      scope: 'admin',
      body: creationSchema,
      answers: { 201: createdSchema },
      errors: ['too_many_api_keys', 'too_many_devices'],
    },
    async ({ principal, body: { name, scopes: asked, expiresAt } }) => {
      // A stolen key would otherwise outlive its revocation in the keys it made.
      if (principal.isApiKey) throw new AppError('insufficient_scope', 'A key makes no keys: log in.');
      if (typeof expiresAt === 'number' && expiresAt <= now()) {
        throw new AppError('invalid_request', undefined, [{ path: 'expiresAt', message: 'must be in the future' }]);
      }
      const made = await access.createApiKey(principal.userId, { name, scopes: asked, expiresAt });
      if (!made.ok) throw new AppError(made.error);
      return { status: 201, body: { ...toBody(made.value), key: made.value.key } };
    },
  );
}

function registerList(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'GET',
      url: '/auth/api-keys',
      summary: 'The API keys that still work, oldest first, without the keys themselves',
      operationId: 'listApiKeys',
      description: 'Those that were revoked or have expired are not listed.',
      tag,
      auth: true,
      scope: 'admin',
      query: pageSchema,
      answers: { 200: z.object({ apiKeys: z.array(keySchema), nextCursor: z.string().nullable() }) },
    },
    async ({ principal, query }) => {
      const after = parseId<SessionId>(query.cursor);
      const found = await access.listApiKeys(principal.userId, { after, limit: query.limit + 1 });
      const page = found.slice(0, query.limit);
      const nextCursor = found.length > query.limit ? (page.at(-1)?.id ?? null) : null;
      return { status: 200, body: { apiKeys: page.map(toBody), nextCursor } };
    },
  );
}

function registerRevocation(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'DELETE',
      url: '/auth/api-keys/:id',
      summary: 'Revoke an API key: it is refused from then on, on every node, and its sockets close',
      operationId: 'revokeApiKey',
      description: 'Also of one that leaked. What was written with it stays, under the name of its device.',
      tag,
      auth: true,
      scope: 'admin',
      params: z.object({
        id: idSchema<SessionId>().register(z.globalRegistry, { description: 'Of the key.', format: 'uuid' }),
      }),
      answers: { 204: null },
      errors: ['unknown_api_key'],
    },
    async ({ principal, params }) => {
      const revoked = await access.revokeApiKey(principal.userId, params.id);
      if (!revoked.ok) throw new AppError(revoked.error);
      return { status: 204 };
    },
  );
}

function toBody({ id, name, scopes: granted, createdAt, expiresAt, lastUsedAt }: ApiKeyInfo) {
  return {
    id,
    name,
    scopes: [...granted],
    createdAt: toIso(createdAt),
    expiresAt: expiresAt === null ? null : toIso(expiresAt),
    lastUsedAt: lastUsedAt === null ? null : toIso(lastUsedAt),
  };
}
