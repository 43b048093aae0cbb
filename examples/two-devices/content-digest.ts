/**
 * What the memories say, in one figure. The state hash tells that two sides have applied the same events; this tells that
 * they made the same of them.
 */
import { createHash } from 'node:crypto';
import type { Memory } from '../../src/core/memory.ts';

export function contentDigest(memories: readonly Omit<Memory, 'erased' | 'deleted'>[]): string {
  const hash = createHash('sha256');
  for (const memory of memories.toSorted((a, b) => (a.id < b.id ? -1 : 1))) hash.update(JSON.stringify(toPlain(memory)));
  return hash.digest('hex').slice(0, 16);
}

function toPlain({
  id,
  content,
  type,
  scope,
  confidence,
  tags,
  source,
  createdAt,
  updatedAt,
}: Parameters<typeof contentDigest>[0][number]) {
  const { url, platform, timestamp, conversationId, title } = source ?? {};
  const from = [url, platform, timestamp, conversationId, title];
  return [id, content, type, scope, confidence, tags.toSorted(), from, createdAt, updatedAt];
}
