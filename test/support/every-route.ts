/** A request for every route there is, so that a walk over all of them can be complete. */
import { randomUUID } from 'node:crypto';
import { creation } from './api.ts';
import { testPassword } from './server.ts';

/** What belongs to somebody, and can be asked for by its id. */
export interface KnownIds {
  readonly memory: string;
  readonly conflict: string;
  readonly device: string;
  readonly apiKey: string;
  readonly cursor: string;
  readonly epoch: string;
}

export interface SampleRequest {
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * What a stranger meets who asks for these ids: nothing of that id (404), an error that tells nothing of it, or an answer
   * about what is the stranger's own.
   */
  readonly stranger: 'not there' | 'refused' | 'own';
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}

export interface OpenApiOperation {
  readonly security: readonly unknown[];
  readonly parameters: readonly { readonly name: string; readonly in: 'path' | 'query' }[];
}

/** By `METHOD /path` as /openapi.json has it. */
export function sampleRequests(ids: KnownIds): Readonly<Record<string, SampleRequest>> {
  return { ...accountSamples(ids), ...memorySamples(ids), ...syncSamples(ids), ...operationSamples };
}

const email = (): string => `${randomUUID()}@example.org`;
const fact = { content: 'Tea', type: 'fact', scope: 'site' };

const accountSamples = ({ device, apiKey }: KnownIds): Readonly<Record<string, SampleRequest>> => ({
  'POST /api/v1/auth/register': {
    path: '/api/v1/auth/register',
    body: { email: email(), password: testPassword, device: { id: device, name: 'a', platform: 'b' } },
    stranger: 'own',
  },
  'POST /api/v1/auth/login': {
    path: '/api/v1/auth/login',
    body: { email: email(), password: 'a wrong long passphrase', device: { id: device, name: 'a' } },
    stranger: 'refused',
  },
  'POST /api/v1/auth/refresh': {
    path: '/api/v1/auth/refresh',
    body: { refreshToken: `${device}.${apiKey}.x` },
    stranger: 'refused',
  },
  'POST /api/v1/auth/logout': { path: '/api/v1/auth/logout', stranger: 'own' },
  'GET /api/v1/auth/me': { path: '/api/v1/auth/me', stranger: 'own' },
  'PATCH /api/v1/auth/me': { path: '/api/v1/auth/me', body: { settings: { theme: { name: 'dark' } } }, stranger: 'own' },
  'DELETE /api/v1/auth/me': { path: '/api/v1/auth/me', body: { password: testPassword }, stranger: 'own' },
  'POST /api/v1/auth/password': {
    path: '/api/v1/auth/password',
    body: { current: testPassword, next: 'another long passphrase' },
    stranger: 'own',
  },
  'GET /api/v1/auth/devices': { path: '/api/v1/auth/devices', stranger: 'own' },
  'DELETE /api/v1/auth/devices/{id}': { path: `/api/v1/auth/devices/${device}`, stranger: 'not there' },
  'GET /api/v1/auth/api-keys': { path: `/api/v1/auth/api-keys?cursor=${apiKey}`, stranger: 'own' },
  'POST /api/v1/auth/api-keys': { path: '/api/v1/auth/api-keys', body: { name: 'key', scopes: ['read'] }, stranger: 'own' },
  'DELETE /api/v1/auth/api-keys/{id}': { path: `/api/v1/auth/api-keys/${apiKey}`, stranger: 'not there' },
});

const memorySamples = ({ memory, conflict, device }: KnownIds): Readonly<Record<string, SampleRequest>> => ({
  'GET /api/v1/memories': { path: '/api/v1/memories?deleted=true', stranger: 'own' },
  'POST /api/v1/memories': {
    path: '/api/v1/memories',
    body: { ...fact, id: memory, tags: ['a'], source: { platform: 'web', title: 't' } },
    stranger: 'own',
  },
  'GET /api/v1/memories/{id}': { path: `/api/v1/memories/${memory}`, stranger: 'not there' },
  'PUT /api/v1/memories/{id}': { path: `/api/v1/memories/${memory}`, body: { content: 'x', tags: ['b'] }, stranger: 'not there' },
  'PATCH /api/v1/memories/{id}': {
    path: `/api/v1/memories/${memory}`,
    body: [{ op: 'add', path: '/content', value: 'x' }],
    headers: { 'content-type': 'application/json-patch+json' },
    stranger: 'not there',
  },
  'DELETE /api/v1/memories/{id}': { path: `/api/v1/memories/${memory}?erase=true`, stranger: 'not there' },
  'GET /api/v1/memories/{id}/history': { path: `/api/v1/memories/${memory}/history`, stranger: 'not there' },
  'POST /api/v1/memories/{id}/restore': { path: `/api/v1/memories/${memory}/restore`, body: { seq: 1 }, stranger: 'not there' },
  'POST /api/v1/memories/search': {
    path: '/api/v1/memories/search',
    body: { query: 'PRIVATE', filter: { tags: ['PRIVATE-tag'], platform: 'web' } },
    stranger: 'own',
  },
  'POST /api/v1/memories/ingest': {
    path: '/api/v1/memories/ingest',
    body: { messages: [{ role: 'user', content: 'I like tea' }], context: { conversationId: 'c', title: 't' } },
    stranger: 'own',
  },
  'POST /api/v1/memories/import': {
    path: '/api/v1/memories/import',
    body: { memories: [{ ...fact, id: memory }] },
    stranger: 'own',
  },
  'GET /api/v1/memories/export': { path: '/api/v1/memories/export?format=json', stranger: 'own' },
  'GET /api/v1/audit': { path: `/api/v1/audit?memoryId=${memory}&deviceId=${device}`, stranger: 'own' },
  'GET /api/v1/audit/verify': { path: '/api/v1/audit/verify', stranger: 'own' },
  'GET /api/v1/conflicts': { path: '/api/v1/conflicts', stranger: 'own' },
  'POST /api/v1/conflicts/{id}/resolve': {
    path: `/api/v1/conflicts/${conflict}/resolve`,
    body: { keep: 'loser' },
    stranger: 'not there',
  },
});

const syncSamples = ({ device, cursor, epoch }: KnownIds): Readonly<Record<string, SampleRequest>> => ({
  'GET /api/v1/memories/sync/updates': {
    path: `/api/v1/memories/sync/updates?cursor=${encodeURIComponent(cursor)}&device=${device}`,
    stranger: 'refused',
  },
  'POST /api/v1/memories/sync/push': {
    path: '/api/v1/memories/sync/push',
    body: { device, firstCounter: 1, base: 0, ops: [creation(randomUUID(), '1764000000000-0')] },
    stranger: 'own',
  },
  'POST /api/v1/memories/sync/hello': {
    path: '/api/v1/memories/sync/hello',
    body: { protocol: 1, device, epoch, cursor: 0, lastCounter: 0, now: 0 },
    stranger: 'own',
  },
  'GET /api/v1/memories/sync/snapshot': { path: '/api/v1/memories/sync/snapshot?at=0', stranger: 'own' },
});

const operationSamples: Readonly<Record<string, SampleRequest>> = {
  'GET /health': { path: '/health', stranger: 'own' },
  'GET /ready': { path: '/ready', stranger: 'own' },
  'GET /metrics': { path: '/metrics', stranger: 'own' },
  'GET /openapi.json': { path: '/openapi.json', stranger: 'own' },
  'GET /docs': { path: '/docs', stranger: 'own' },
  // Without an upgrade; the socket itself is walked in test/server/edge.
  'GET /api/v1/sync': { path: '/api/v1/sync', stranger: 'not there' },
  'GET /.well-known/jwks.json': { path: '/.well-known/jwks.json', stranger: 'own' },
};

/** `METHOD /path` and its operation, of every route that the server declares. */
export async function declaredOperations(url: string): Promise<ReadonlyMap<string, OpenApiOperation>> {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApiDocument;
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
    ),
  );
}
