/** What an ingestion will write. Made whole before anything is written, and shown as it is by a dry run. */
import { v5, v7 } from 'uuid';
import { contentKey } from '../../core/content-key.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { type Memory, type MemoryFields, memoryLimits, type Source } from '../../core/memory.ts';
import { ok, type Result } from '../../core/result.ts';
import { textProblem } from '../../core/value-checks.ts';
import { sha256 } from '../infra/bytes.ts';
import { type Candidate, excerpt, type Skipped } from './candidate.ts';
import { type ChatModel, type ModelFailure, noUsage, type Said } from './chat-model.ts';
import { consolidate, type Doubtful, type Verdict } from './consolidate.ts';
import type { ConversationContext, Message } from './conversation.ts';
import { hasSecret } from './secrets.ts';
import { type FindSimilar, findDuplicate, type Similar } from './similar.ts';

export interface CreateStep {
  readonly id: MemoryId;
  readonly fields: MemoryFields;
  readonly messages: readonly Message[];
}

export interface ChangeStep {
  readonly action: 'update' | 'supersede';
  /** As it stood when the change was decided. */
  readonly memory: Memory;
  readonly fields: Partial<MemoryFields>;
  readonly messages: readonly Message[];
  /** In place of it, when the memory has changed meanwhile. */
  readonly otherwise: CreateStep;
}

/** A candidate that a memory says already. */
export interface KnownStep {
  readonly memoryId: MemoryId;
  readonly messages: readonly Message[];
}

export interface Plan {
  readonly create: readonly CreateStep[];
  readonly change: readonly ChangeStep[];
  readonly known: readonly KnownStep[];
  readonly skipped: readonly Skipped[];
}

export interface PlanRequest {
  readonly userId: UserId;
  readonly conversation: Uint8Array;
  readonly context: ConversationContext;
  readonly candidates: readonly Candidate[];
  readonly signal?: AbortSignal | undefined;
}

export interface PlanDeps {
  readonly findSimilar: FindSimilar;
  /** Without it nothing is consolidated: what is no duplicate is new. */
  readonly model: ChatModel | null;
}

export async function makePlan(deps: PlanDeps, request: PlanRequest): Promise<Result<Said<Plan>, ModelFailure>> {
  const { candidates, userId } = request;
  const similar =
    candidates.length === 0
      ? []
      : await deps.findSimilar(
          userId,
          candidates.map(({ content }) => content),
        );
  const found = candidates.map((candidate, index) => compare(candidate, similar[index] ?? []));
  const doubtful = found.filter(({ verdict }) => verdict === null);
  const answer = await decide(deps.model, doubtful, request.signal);
  if (!answer.ok) return answer;
  const verdictByCandidate = new Map(doubtful.map(({ candidate }, index) => [candidate, answer.value.value[index]]));
  const decided = found.map(({ candidate, verdict }) => ({
    candidate,
    verdict: verdict ?? verdictByCandidate.get(candidate) ?? ({ action: 'create' } as const),
  }));
  return ok({ value: toPlan(decided, request), usage: answer.value.usage });
}

interface Compared extends Doubtful {
  /** Null: it needs the model. */
  readonly verdict: Verdict | null;
}

function compare(candidate: Candidate, similar: readonly Similar[]): Compared {
  const duplicate = findDuplicate(candidate.content, similar);
  const memories = similar.map(({ memory }) => memory);
  if (duplicate !== null) return { candidate, similar: memories, verdict: { action: 'duplicate', memory: duplicate } };
  return { candidate, similar: memories, verdict: memories.length === 0 ? { action: 'create' } : null };
}

async function decide(
  model: ChatModel | null,
  doubtful: readonly Doubtful[],
  signal: AbortSignal | undefined,
): Promise<Result<Said<readonly Verdict[]>, ModelFailure>> {
  if (model === null || doubtful.length === 0) return ok({ value: [], usage: noUsage });
  return consolidate(model, doubtful, signal);
}

interface Decided {
  readonly candidate: Candidate;
  readonly verdict: Verdict;
}

function toPlan(decided: readonly Decided[], request: PlanRequest): Plan {
  const create: CreateStep[] = [];
  const change: ChangeStep[] = [];
  const known: KnownStep[] = [];
  const skipped: Skipped[] = [];
  const changed = new Set<MemoryId>();
  for (const { candidate, verdict } of decided) {
    const { messages, content } = candidate;
    const step = toCreate(candidate, request);
    if (verdict.action === 'duplicate') {
      known.push({ memoryId: verdict.memory.id, messages });
      skipped.push({ content: excerpt(content), reason: 'duplicate', memoryId: verdict.memory.id });
    } else if (verdict.action === 'create' || !isPossible(verdict.content) || changed.has(verdict.memory.id)) {
      // A second change of one memory would be decided on what the first has replaced.
      create.push(step);
    } else {
      const { action, memory } = verdict;
      changed.add(memory.id);
      change.push({ action, memory, fields: toChange(step.fields, verdict), messages, otherwise: step });
    }
  }
  return { create, change, known, skipped };
}

const isPossible = (content: string): boolean => textProblem(content, memoryLimits.contentChars) === null && !hasSecret(content);

/** What replaces a memory brings its type and source along; what adds to one leaves it where it is from. */
function toChange(
  { type, confidence, source, tags }: MemoryFields,
  { action, memory, content }: Exclude<Verdict, { readonly action: 'create' | 'duplicate' }>,
): Partial<MemoryFields> {
  const united = [...new Set([...memory.tags, ...tags])].slice(0, memoryLimits.tags).sort();
  return action === 'update' ? { content, tags: united } : { content, type, confidence, source, tags: united };
}

function toCreate(candidate: Candidate, { userId, conversation, context }: PlanRequest): CreateStep {
  const { content, type, scope, confidence, tags, messages } = candidate;
  const at = messages.find((message) => message.at !== null)?.at ?? null;
  const given: Source = { ...context, ...(at !== null && { timestamp: at }) };
  const source = Object.keys(given).length === 0 ? null : given;
  const id = toId(userId, [conversation, ...messages.slice(0, 1).map(({ hash }) => hash), Buffer.from(contentKey(content))], at);
  return { id, fields: { content, type, scope, confidence, source, tags }, messages };
}

/**
 * The same finding of the same message has the same id, so that a retry after a crash creates nothing twice. With a known time it
 * is of version 7, as others are, and sorts by it.
 */
function toId(userId: UserId, parts: readonly Uint8Array[], at: string | null): MemoryId {
  const random = sha256(Buffer.from(userId), ...parts);
  const msecs = at === null ? Number.NaN : Date.parse(at);
  return (msecs >= 0 ? v7({ msecs, random: random.subarray(0, 16) }) : v5(random, userId)) as MemoryId;
}
