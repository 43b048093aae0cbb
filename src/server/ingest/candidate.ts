/** What was found in a conversation and may become a memory. */
import { contentKey } from '../../core/content-key.ts';
import { isStorable, isWithin, type MemoryFields, type MemoryScope, type MemoryType, memoryLimits } from '../../core/memory.ts';
import { confidenceProblem, scopeProblem, tagProblem, typeProblem } from '../../core/value-checks.ts';
import type { Message } from './conversation.ts';
import { hasSecret, redactSecrets } from './secrets.ts';

export interface Candidate extends Omit<MemoryFields, 'source'> {
  /** Those it follows from; at least one. */
  readonly messages: readonly Message[];
}

/** Why something that was found did not become a memory. */
export const skipReasons = ['already_ingested', 'duplicate', 'secret', 'invalid', 'erased'] as const;

/** What did not become a memory, and why. */
export interface Skipped {
  readonly content: string;
  readonly reason: (typeof skipReasons)[number];
  /** The memory that says it already. */
  readonly memoryId?: string | undefined;
}

/** A memory as it was found, before anybody looked at it. */
export interface Found {
  readonly content: string;
  readonly type: string;
  readonly scope: string;
  readonly confidence: number | null;
  readonly tags: readonly string[];
  readonly messages: readonly Message[];
}

/** A memory of a model has few tags, whatever the bound of others is. */
const maxTags = 16;

/** A finding within the bounds of a memory, without secrets; one that cannot be is skipped and harms no other. */
export function toCandidate(found: Found): Candidate | Skipped {
  const content = found.content.trim();
  if (hasSecret(content)) return { content: excerpt(redactSecrets(content).text), reason: 'secret' };
  const isValid =
    content !== '' &&
    isStorable(content) &&
    isWithin(content, memoryLimits.contentChars) &&
    typeProblem(found.type) === null &&
    scopeProblem(found.scope) === null &&
    found.messages.length > 0;
  if (!isValid) return { content: excerpt(content), reason: 'invalid' };
  const tags = found.tags.map((tag) => tag.trim().toLowerCase()).filter((tag) => tagProblem(tag) === null && !hasSecret(tag));
  return {
    content,
    // Checked above.
    type: found.type as MemoryType,
    scope: found.scope as MemoryScope,
    confidence: confidenceProblem(found.confidence) === null ? found.confidence : null,
    tags: [...new Set(tags)].slice(0, maxTags).sort(),
    messages: found.messages,
  };
}

/** One candidate for each content; what says the same again adds its messages and tags. */
export function uniteEqual(candidates: readonly Candidate[]): readonly Candidate[] {
  const byKey = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const key = contentKey(candidate.content);
    const before = byKey.get(key);
    byKey.set(key, before === undefined ? candidate : unite(before, candidate));
  }
  return [...byKey.values()];
}

function unite(first: Candidate, second: Candidate): Candidate {
  return {
    ...first,
    tags: [...new Set([...first.tags, ...second.tags])].sort().slice(0, maxTags),
    messages: [...new Set([...first.messages, ...second.messages])],
  };
}

const excerptChars = 200;

/** Enough of a text to know it again, for an answer. */
export function excerpt(text: string): string {
  return text.length <= excerptChars ? text.toWellFormed() : `${text.slice(0, excerptChars - 1).toWellFormed()}…`;
}
