/** From a record of the extension's own database to the op that writes it as a memory, as much of it as can be written. */
import { v5 } from 'uuid';
import { adoptedIdName, adoptedIdNamespace } from '../core/adopted-id.ts';
import { type MemoryId, parseId } from '../core/ids.ts';
import { memoryLimits, type Source } from '../core/memory.ts';
import { checkWrite, type RegisterName, type RegisterValue, tagRegister, type Write } from '../core/register.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { OpDraft } from '../sync/replica-step.ts';

export interface AdoptedRecord {
  readonly draft: OpDraft;
  /** Parts that a memory cannot hold, and why: the rest is adopted without them. */
  readonly leftOut: readonly string[];
}

/**
 * Content that a memory cannot hold is refused with the reason, never cut. Type and scope that are unknown become `fact` and
 * `user_global`. The op carries the time of the record's last change: where another device changed the same memory since, the
 * record loses. Embeddings are not carried over: the server makes its own of the content.
 *
 * @param key the record's primary key, as text; stands in for an id that is missing.
 */
export function toDraft(value: unknown, key: string, nowMs: number): Result<AdoptedRecord, string> {
  if (!isRecord(value)) return err('is no record');
  const content = checked('content', value['content']);
  if (!content.ok) return err(`content ${content.error}`);
  const source = toSource(value['source']);
  const tags = toTags(value['tags']);
  const confidence = checked('confidence', value['confidence'] ?? null);
  const createdAt = toMs(value['createdAt']) ?? nowMs;
  const writes = [
    content.value,
    orElse(checked('type', value['type']), { register: 'type', value: 'fact' }),
    orElse(checked('scope', value['scope']), { register: 'scope', value: 'user_global' }),
    ...(confidence.ok && confidence.value.value !== null ? [confidence.value] : []),
    ...source.writes,
    ...tags.writes,
  ];
  const updatedAt = Math.min(toMs(value['updatedAt']) ?? nowMs, nowMs);
  return ok({
    draft: { memoryId: toMemoryId(value, key), change: { writes, createdAt }, hlc: { ms: updatedAt, count: 0 } },
    leftOut: [...source.leftOut, ...tags.leftOut],
  });
}

interface Part {
  readonly writes: readonly Write[];
  readonly leftOut: readonly string[];
}

const nothing: Part = { writes: [], leftOut: [] };
const nilId = '00000000-0000-0000-0000-000000000000';

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toMemoryId(record: Readonly<Record<string, unknown>>, key: string): MemoryId {
  const id = parseId<MemoryId>(record['id']);
  if (id !== null && id !== nilId) return id;
  const given = typeof record['id'] === 'string' || typeof record['id'] === 'number' ? record['id'] : key;
  return v5(adoptedIdName(given, toMs(record['createdAt'])), adoptedIdNamespace) as MemoryId;
}

/** What the rest is called in a Source, by its name in the record. */
const sourceParts = {
  url: 'url',
  platform: 'platform',
  timestamp: 'timestamp',
  pageTitle: 'title',
  conversationId: 'conversationId',
} as const satisfies Record<string, keyof Source>;

function toSource(value: unknown): Part {
  if (value === undefined || value === null) return nothing;
  if (!isRecord(value)) return { writes: [], leftOut: ['source must be an object'] };
  const leftOut: string[] = [];
  const parts: [keyof Source, string][] = [];
  for (const [name, part] of Object.entries(sourceParts)) {
    const given = part === 'timestamp' ? toIsoTime(value[name]) : value[name];
    if (given === undefined || given === null || given === '') continue;
    const result = checked('source', { [part]: given } as Source);
    if (result.ok) parts.push([part, given as string]);
    else leftOut.push(`source ${name}: ${result.error.replace(`${part}: `, '')}`);
  }
  const writes: Write[] = parts.length === 0 ? [] : [{ register: 'source', value: Object.fromEntries(parts) as Source }];
  return { writes, leftOut };
}

function toTags(value: unknown): Part {
  if (value === undefined || value === null) return nothing;
  if (!Array.isArray(value)) return { writes: [], leftOut: ['tags must be a list'] };
  const distinct: readonly unknown[] = [...new Set(value)];
  const valid = distinct.flatMap((tag) => {
    const result = typeof tag === 'string' ? checked(tagRegister(tag), true) : err('must be text');
    return result.ok ? [result.value] : [];
  });
  const writes = valid.slice(0, memoryLimits.tags);
  const missing = distinct.length - writes.length;
  return { writes, leftOut: missing === 0 ? [] : [`${missing} of ${distinct.length} tags`] };
}

function checked(register: RegisterName, value: unknown): Result<Write, string> {
  const result = checkWrite({ register, value: value as RegisterValue });
  return result.ok ? result : err(result.error.message);
}

const orElse = (result: Result<Write, string>, instead: Write): Write => (result.ok ? result.value : instead);

/** The last millisecond of a Date. */
const maxDateMs = 8.64e15;

function toMs(value: unknown): number | null {
  const ms = value instanceof Date ? value.getTime() : value;
  return typeof ms === 'number' && ms >= 0 && ms <= maxDateMs ? Math.trunc(ms) : null;
}

/** Text is taken for a time already; it is checked as one later. */
function toIsoTime(value: unknown): unknown {
  if (typeof value === 'string') return value;
  const ms = toMs(value);
  return ms === null ? null : new Date(ms).toISOString();
}
