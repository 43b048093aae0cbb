/** /memories/:id: updating, patching, deleting, restoring. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Written } from '../command/memory-commands.ts';
import { readAccessCount } from '../read/memory-view.ts';
import { isEmbedded, type MemoryRouteDeps, memoryParams } from './http-memories.ts';
import { parseIfMatch, toEntityTag } from './if-match.ts';
import { jsonPatchMediaType } from './json-body.ts';
import { memorySchema, memoryToJson, memoryUpdateSchema, toUpdatedFields } from './memory-json.ts';
import { patchSchema, toOperations } from './patch-body.ts';
import { flag } from './query-values.ts';
import { route } from './route.ts';
import { unwrap } from './unwrap.ts';

const tag = 'memories';
const common = { tag, auth: true, params: memoryParams } as const;
const refusals = ['unknown_memory', 'erased_memory', 'changed_meanwhile', 'too_many_tags'] as const;

export function registerMemoryChangeRoutes(app: FastifyInstance, deps: MemoryRouteDeps): void {
  registerPut(app, deps);
  registerPatch(app, deps);
  registerDelete(app, deps);
  registerRestore(app, deps);
}

function registerPut(app: FastifyInstance, deps: MemoryRouteDeps): void {
  route(
    app,
    {
      ...common,
      method: 'PUT',
      url: '/memories/:id',
      summary: 'Change any of the fields; null clears. If-Match guards against changes meanwhile',
      operationId: 'updateMemory',
      description:
        'What is left out stays. `content`, `type` and `scope` cannot be cleared. Nothing is written where nothing changes.',
      examples: { 'Another confidence, no source': { confidence: 0.5, source: null } },
      requestHeaders: ['If-Match'],
      body: memoryUpdateSchema,
      answers: { 200: memorySchema },
      answerHeaders: { ETag: true },
      errors: refusals,
    },
    async ({ principal, params, body, request }) => {
      const precondition = parseIfMatch(request.headers['if-match']);
      return answer(
        deps,
        principal.userId,
        unwrap(await deps.memories.update(principal, params.id, toUpdatedFields(body), precondition)),
      );
    },
  );
}

function registerPatch(app: FastifyInstance, deps: MemoryRouteDeps): void {
  route(
    app,
    {
      ...common,
      method: 'PATCH',
      url: '/memories/:id',
      summary: 'JSON Patch (RFC 6902) on the fields and /tags/<tag>, whole or not at all',
      operationId: 'patchMemory',
      description: 'Tags are members: `/tags/<tag>` with the value true. An index into a list is not needed, and not understood.',
      examples: {
        'A tag more, and other words': [
          { op: 'test', path: '/type', value: 'fact' },
          { op: 'add', path: '/tags/home', value: true },
          { op: 'replace', path: '/content', value: 'Lives in Basel' },
        ],
      },
      body: patchSchema,
      requestHeaders: ['If-Match'],
      bodyTypes: [jsonPatchMediaType],
      answers: { 200: memorySchema },
      answerHeaders: { ETag: true },
      errors: [...refusals, 'patch_failed'],
    },
    async ({ principal, params, body, request }) => {
      const precondition = parseIfMatch(request.headers['if-match']);
      return answer(
        deps,
        principal.userId,
        unwrap(await deps.memories.patch(principal, params.id, toOperations(body), precondition)),
      );
    },
  );
}

function registerDelete(app: FastifyInstance, { memories }: MemoryRouteDeps): void {
  route(
    app,
    {
      ...common,
      method: 'DELETE',
      url: '/memories/:id',
      summary: 'Delete a memory; with erase=true its content and history for good',
      operationId: 'deleteMemory',
      description: 'A deleted memory can be restored until it is collected; of an erased one nothing but its id is left.',
      requestHeaders: ['If-Match'],
      query: z.strictObject({ erase: flag.optional().meta({ description: 'For good, with its history.' }) }),
      answers: { 204: null },
      errors: ['unknown_memory', 'changed_meanwhile'],
    },
    async ({ principal, params, query, request }) => {
      const precondition = parseIfMatch(request.headers['if-match']);
      unwrap(await (query.erase === true ? memories.erase : memories.delete)(principal, params.id, precondition));
      return { status: 204 };
    },
  );
}

function registerRestore(app: FastifyInstance, deps: MemoryRouteDeps): void {
  route(
    app,
    {
      ...common,
      method: 'POST',
      url: '/memories/:id/restore',
      summary: 'Make the memory what it was at a seq, as a new event; also revives a deleted one',
      operationId: 'restoreMemory',
      description: 'The seqs are in `GET /memories/{id}/history`. History goes on: the restored state is a new event.',
      examples: { 'The state after the first event': { seq: 1 } },
      body: z.strictObject({ seq: z.int().min(1) }),
      answers: { 200: memorySchema },
      answerHeaders: { ETag: true },
      errors: ['unknown_memory', 'erased_memory', 'unknown_seq'],
    },
    async ({ principal, params, body }) =>
      answer(deps, principal.userId, unwrap(await deps.memories.restore(principal, params.id, body.seq))),
  );
}

async function answer(deps: MemoryRouteDeps, userId: UserId, { memory }: Written) {
  const count = await readCount(deps, userId, memory.id);
  const embedded = await isEmbedded(deps.vectors, userId, memory.id);
  return { status: 200, headers: { etag: toEntityTag(memory.seq) }, body: memoryToJson(memory, count, embedded) } as const;
}

export async function readCount(
  { db, accesses }: Pick<MemoryRouteDeps, 'db' | 'accesses'>,
  userId: UserId,
  id: MemoryId,
): Promise<number> {
  return (await readAccessCount(db, userId, id)) + accesses.pending(userId, id);
}
