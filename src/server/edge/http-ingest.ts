/** /memories/ingest: a conversation becomes memories. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { isStorable, memoryLimits } from '../../core/memory.ts';
import { text } from '../../core/memory-schemas.ts';
import { skipReasons } from '../ingest/candidate.ts';
import { type GivenMessage, messageRoles, splitIntoTurns } from '../ingest/conversation.ts';
import { gateReasons } from '../ingest/gate.ts';
import type { Ingest, IngestFailure, IngestReport } from '../ingest/ingest.ts';
import { readAccessCount } from '../read/memory-view.ts';
import type { MemoryRouteDeps } from './http-memories.ts';
import { memorySchema, memoryToJson } from './memory-json.ts';
import { route } from './route.ts';

export interface IngestRouteDeps extends Pick<MemoryRouteDeps, 'db' | 'accesses'> {
  readonly ingest: Ingest;
}

const limits = {
  bodyBytes: 2_097_152,
  messages: 2_000,
  /** Of one address; each may ask a vendor many times. */
  perMinute: 120,
} as const;

const storableText = z.string('must be text').refine(isStorable, 'must not contain NUL or lone surrogates');
const time = z.iso.datetime({ offset: true, error: 'must be an ISO 8601 time' });

const messageSchema = z.strictObject({
  role: z.enum(messageRoles, `must be one of ${messageRoles.join(', ')}`),
  content: storableText,
  at: time.optional().meta({ description: 'When it was said: relative dates are resolved against it.' }),
});

const contextSchema = z.strictObject({
  url: z.optional(text(memoryLimits.sourceUrlChars)),
  platform: z.optional(text(memoryLimits.sourceTextChars)),
  conversationId: z.optional(text(memoryLimits.sourceTextChars)),
  title: z.optional(text(memoryLimits.sourceTextChars)),
  timestamp: time.optional().meta({ description: 'The time of messages without their own. Default: now.' }),
});

const bodySchema = z
  .strictObject({
    conversationText: storableText.optional().meta({ description: 'Turns begin with `User:` or `Assistant:`.' }),
    messages: z.array(messageSchema).min(1).max(limits.messages).optional(),
    context: contextSchema.optional(),
    dryRun: z.boolean().default(false).meta({ description: 'Says what would happen, and writes nothing.' }),
  })
  .refine(
    ({ conversationText, messages }) => (conversationText === undefined) !== (messages === undefined),
    'must have either conversationText or messages',
  )
  .meta({ id: 'Conversation', oneOf: [{ required: ['conversationText'] }, { required: ['messages'] }] });

const messageNumbers = z.array(z.int()).meta({ description: 'The messages that it follows from, by their place from 0.' });

const answerSchema = z
  .object({
    created: z.array(memorySchema.extend({ messages: messageNumbers })),
    updated: z.array(
      memorySchema.extend({
        messages: messageNumbers,
        action: z.enum(['update', 'supersede']),
        previous: z.object({ content: z.string(), seq: z.int() }).meta({ description: 'What its history keeps.' }),
      }),
    ),
    skipped: z.array(z.object({ content: z.string(), reason: z.enum(skipReasons), memoryId: z.string().optional() })),
    gated: z.partialRecord(z.enum(gateReasons), z.int()).meta({ description: 'What was taken out before anything was read.' }),
    extractor: z.enum(['model', 'rules']),
    model: z.string().nullable(),
    usage: z.object({ calls: z.int(), inputTokens: z.int(), outputTokens: z.int() }),
    dryRun: z.boolean(),
  })
  .meta({ id: 'IngestReport' });

export function registerIngestRoute(app: FastifyInstance, deps: IngestRouteDeps): void {
  route(
    app,
    {
      method: 'POST',
      url: '/memories/ingest',
      summary: 'Memories from a conversation. Each message is read once, however often it is sent',
      operationId: 'ingestConversation',
      description:
        'Secrets and messages of systems are taken out before anything is read. Idempotent by conversation and message: a chat that has grown can be sent again as a whole.',
      examples: {
        'A text': { conversationText: 'User: My name is Ada and I live in Bern.\nAssistant: Hello Ada!' },
        'Messages, to look at what would come of them': {
          messages: [{ role: 'user', content: 'I prefer tea to coffee.', at: '2026-01-05T09:00:00Z' }],
          context: { platform: 'example', conversationId: 'c-1', title: 'Drinks' },
          dryRun: true,
        },
      },
      tag: 'memories',
      auth: true,
      bodyLimitBytes: limits.bodyBytes,
      perMinute: limits.perMinute,
      body: bodySchema,
      answers: { 201: answerSchema },
      errors: ['extraction_refused', 'extraction_failed', 'extraction_rate_limited', 'extraction_unavailable'],
    },
    async ({ principal, body, request }) => {
      const { dryRun, context: { timestamp, ...context } = {} } = body;
      const messages = toMessages(body, timestamp);
      using caller = watchCaller(request);
      const report = await deps.ingest.ingest(principal, { messages, context, dryRun, signal: caller.signal });
      if (!report.ok) throw toAppError(report.error);
      return { status: 201, body: { ...(await toAnswer(deps, principal.userId, report.value)), dryRun } };
    },
  );
}

function toMessages({ conversationText, messages }: z.output<typeof bodySchema>, at?: string): readonly GivenMessage[] {
  const given = messages ?? splitIntoTurns(conversationText ?? '');
  if (given.length > limits.messages) {
    const message = `must have at most ${limits.messages} turns`;
    throw new AppError('invalid_request', undefined, [{ path: 'conversationText', message }]);
  }
  return at === undefined ? given : given.map((message) => ({ at, ...message }));
}

/** Aborts when the caller's connection closes before the answer: nobody pays for what nobody reads. */
function watchCaller({ raw: { socket } }: FastifyRequest): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  socket.once('close', abort);
  return { signal: controller.signal, [Symbol.dispose]: () => void socket.off('close', abort) };
}

function toAppError({ code, retryAfterSeconds }: IngestFailure): AppError {
  return new AppError(code, undefined, [], retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}

/** What was written a moment ago has no vector yet. */
async function toAnswer({ db, accesses }: IngestRouteDeps, userId: UserId, report: IngestReport) {
  const { created, updated, skipped, gated, extractor, model, usage } = report;
  const countOf = async (id: MemoryId): Promise<number> => (await readAccessCount(db, userId, id)) + accesses.pending(userId, id);
  return {
    created: created.map(({ memory, messages }) => ({ ...memoryToJson(memory, 0, false), messages: messages.map(toIndex) })),
    updated: await Promise.all(
      updated.map(async ({ memory, messages, action, before: { content, seq } }) => ({
        ...memoryToJson(memory, await countOf(memory.id), false),
        messages: messages.map(toIndex),
        action,
        previous: { content, seq },
      })),
    ),
    skipped: [...skipped],
    gated,
    extractor,
    model,
    usage,
  };
}

const toIndex = ({ index }: { readonly index: number }): number => index;
