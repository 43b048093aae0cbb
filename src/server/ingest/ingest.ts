/**
 * A conversation becomes memories: gate, extraction, comparison with what is known, then events. Everything that can fail at a
 * vendor comes before the first write.
 */
import type { ErrorCode } from '../../core/errors.ts';
import type { MemoryId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { MemoryCommands, Writer } from '../command/memory-commands.ts';
import type { Queryable } from '../infra/database.ts';
import { excerpt, type Found, type Skipped, toCandidate, uniteEqual } from './candidate.ts';
import { addUsage, type ChatModel, type ModelFailure, noUsage, type Said, type Usage } from './chat-model.ts';
import { toChunks } from './chunks.ts';
import { type ConversationContext, conversationKey, type GivenMessage, type Message } from './conversation.ts';
import { extract } from './extract.ts';
import { type Gated, passGate } from './gate.ts';
import { findReadMessages, type ReadMessage, recordReadMessages } from './ingested-messages.ts';
import { createKeyedLane } from './keyed-lane.ts';
import { makePlan, type Plan } from './plan.ts';
import { extractByRules } from './rule-extractor.ts';
import type { FindSimilar } from './similar.ts';
import { type PlanResult, showPlan, writePlan } from './write-plan.ts';

export interface IngestDeps {
  readonly db: Queryable;
  readonly memories: MemoryCommands;
  readonly findSimilar: FindSimilar;
  /** Null: the rules read. */
  readonly model: ChatModel | null;
  /** Unix ms. */
  readonly now: () => number;
}

export interface IngestRequest {
  readonly messages: readonly GivenMessage[];
  readonly context: ConversationContext;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface IngestReport extends PlanResult {
  readonly extractor: 'model' | 'rules';
  readonly model: string | null;
  readonly gated: Gated['counts'];
  readonly usage: Usage;
}

export interface IngestFailure {
  readonly code: ErrorCode;
  readonly retryAfterSeconds?: number | undefined;
  /** For the log, as of ModelFailure. */
  readonly reason: string;
}

export interface Ingest {
  ingest(writer: Writer, request: IngestRequest): Promise<Result<IngestReport, IngestFailure>>;
}

export function createIngest(deps: IngestDeps): Ingest {
  const lane = createKeyedLane();
  return {
    async ingest(writer, request) {
      const gated = passGate(request.messages, request.context);
      const conversation = conversationKey(gated.context, gated.messages);
      // The same conversation twice at a time would be read, and paid for, twice.
      const report = await lane.run(`${writer.userId} ${conversation.toString('hex')}`, () =>
        ingestOne(deps, writer, { ...request, gated, conversation }),
      );
      if (report.ok) return report;
      const { kind, retryAfterSeconds, reason } = report.error;
      return err({ code: codeByFailure[kind], retryAfterSeconds, reason });
    },
  };
}

const codeByFailure: Readonly<Record<ModelFailure['kind'], ErrorCode>> = {
  refused: 'extraction_refused',
  cut_off: 'extraction_failed',
  unusable: 'extraction_failed',
  rate_limited: 'extraction_rate_limited',
  unavailable: 'extraction_unavailable',
};

interface GatedRequest extends IngestRequest {
  readonly gated: Gated;
  readonly conversation: Uint8Array;
}

async function ingestOne(deps: IngestDeps, writer: Writer, request: GatedRequest): Promise<Result<IngestReport, ModelFailure>> {
  const { db, model } = deps;
  const { gated, conversation, dryRun, signal } = request;
  const { userId } = writer;
  const at = deps.now();
  const read = await findReadMessages(db, userId, conversation, gated.messages);
  const wasRead = new Set(read.map(({ message }) => message));
  const fresh = gated.messages.filter((message) => !wasRead.has(message));
  const found = await find(model, gated.messages, { fresh: new Set(fresh), now: new Date(at).toISOString(), signal });
  if (!found.ok) return found;
  const looked = found.value.value.map(toCandidate);
  const candidates = uniteEqual(looked.flatMap((one) => ('reason' in one ? [] : one)));
  const plan = await makePlan(deps, { userId, conversation, context: gated.context, candidates, signal });
  if (!plan.ok) return plan;
  const result = dryRun ? showPlan(plan.value.value, at) : await writePlan(deps.memories, writer, plan.value.value);
  if (!dryRun && fresh.length > 0) {
    const ids = toReadMessages(fresh, plan.value.value, result);
    await recordReadMessages(db, userId, conversation, { read: ids, at: new Date(at) });
  }
  const skipped = [...read.flatMap(toSkipped), ...looked.flatMap((one) => ('reason' in one ? one : [])), ...result.skipped];
  const usage = addUsage(found.value.usage, plan.value.usage);
  const extractor = model === null ? 'rules' : 'model';
  return ok({ ...result, skipped, extractor, model: model?.name ?? null, gated: gated.counts, usage });
}

interface FindOptions {
  readonly fresh: ReadonlySet<Message>;
  readonly now: string;
  readonly signal?: AbortSignal | undefined;
}

async function find(
  model: ChatModel | null,
  messages: readonly Message[],
  { fresh, now, signal }: FindOptions,
): Promise<Result<Said<readonly Found[]>, ModelFailure>> {
  if (model === null) return ok({ value: extractByRules([...fresh], now), usage: noUsage });
  return extract(
    model,
    toChunks(messages, (message) => fresh.has(message)),
    { now, signal },
  );
}

function toSkipped({ message, memoryIds }: ReadMessage): readonly Skipped[] {
  const one = { content: excerpt(message.content), reason: 'already_ingested' } as const;
  return memoryIds.length === 0 ? [one] : memoryIds.map((memoryId) => ({ ...one, memoryId }));
}

/** Every message that was read, with what came of it, if anything. */
function toReadMessages(fresh: readonly Message[], plan: Plan, { created, updated }: PlanResult): readonly ReadMessage[] {
  const idsByMessage = new Map(fresh.map((message) => [message, new Set<MemoryId>()]));
  const add = (messages: readonly Message[], id: MemoryId): void => {
    for (const message of messages) idsByMessage.get(message)?.add(id);
  };
  for (const { memory, messages } of [...created, ...updated]) add(messages, memory.id);
  for (const { memoryId, messages } of plan.known) add(messages, memoryId);
  return Array.from(idsByMessage, ([message, ids]) => ({ message, memoryIds: [...ids] }));
}
