/** A row of mem0. */
import { type MemoryId, nilMemoryId, parseId } from '../../core/ids.ts';
import { memoryLimits, memoryTypes } from '../../core/memory.ts';
import { type Content, fault } from './item.ts';
import { checkedMemory, toTags } from './memory-record.ts';
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
    tags: toTags(
      [...texts(row['categories']), ...texts(metadata['tags'])]
        .map((tag) => shorten(tag, memoryLimits.tagChars))
        .slice(0, memoryLimits.tags),
    ),
  };
  const given = row['id'] ?? null;
  const parsed = parseId<MemoryId>(given);
  const isOwn = parsed !== null && parsed !== nilMemoryId;
  const id = isOwn ? parsed : derivedId('mem0', given ?? fields.content, row['user_id'] ?? null);
  const checked = checkedMemory(fields, { id, createdAt, updatedAt: toMs(row['updated_at']) ?? createdAt });
  if ('fault' in checked)
    return { fault: { ...checked.fault, path: checked.fault.path === 'content' ? 'memory' : checked.fault.path } };
  const isId = given === null || typeof given === 'string' || typeof given === 'number';
  return isId ? checked : fault('id', 'must be text or a number');
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string' && item !== '') : [];
