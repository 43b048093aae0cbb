/** A row of mem0. */
import { type MemoryId, nilMemoryId, parseId } from '../../core/ids.ts';
import { memoryTypes } from '../../core/memory.ts';
import { type Content, fault } from './item.ts';
import { findFault, toTags } from './memory-record.ts';
import { derivedId, type Fields, isObject, shorten, toMs } from './values.ts';

export const isMem0 = (value: Fields): boolean => typeof value['memory'] === 'string' && value['content'] === undefined;

/** Categories and `metadata.tags` are tags; `metadata.type` is the type where it is one of ours. */
export function mem0ToMemory(row: Fields): Content {
  const metadata = isObject(row['metadata']) ? row['metadata'] : {};
  const createdAt = toMs(row['created_at']);
  const fields = {
    content: row['memory'] as string,
    type: memoryTypes.find((type) => type === metadata['type']) ?? ('fact' as const),
    scope: 'user_global' as const,
    confidence: null,
    source: { platform: 'mem0' },
    tags: toTags([...texts(row['categories']), ...texts(metadata['tags'])].map((tag) => shorten(tag, 64)).slice(0, 64)),
  };
  const found = findFault(fields);
  if (found !== null) return { fault: { ...found, path: found.path === 'content' ? 'memory' : found.path } };
  const id = row['id'] ?? null;
  if (id !== null && typeof id !== 'string' && typeof id !== 'number') return fault('id', 'must be text or a number');
  const parsed = parseId<MemoryId>(id);
  const isOwn = parsed !== null && parsed !== nilMemoryId;
  return {
    memory: {
      id: isOwn ? parsed : derivedId('mem0', id ?? fields.content, row['user_id'] ?? null),
      fields,
      createdAt,
      updatedAt: toMs(row['updated_at']) ?? createdAt,
      embedding: null,
    },
  };
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string' && item !== '') : [];
