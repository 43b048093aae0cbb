/** A line of the MCP memory server's file: an entity with its observations, or a relation. */
import { memoryLimits } from '../../core/memory.ts';
import { type Content, fault } from './item.ts';
import { checkedMemory, toTags } from './memory-record.ts';
import { derivedId, type Fields, shorten, toText } from './values.ts';

export const isMcp = (value: Fields): boolean =>
  (value['type'] === 'entity' && value['name'] !== undefined) || (value['type'] === 'relation' && value['from'] !== undefined);

export function mcpToMemories(value: Fields): readonly Content[] {
  if (value['type'] === 'relation') {
    const [from, relation, to] = [toText(value['from']), toText(value['relationType']), toText(value['to'])];
    if (from === null || relation === null || to === null) return [fault('', 'must have from, relationType and to')];
    return [toMemory(`${from} ${relation} ${to}`, ['relation'])];
  }
  const name = toText(value['name']);
  const observations: readonly unknown[] | null = Array.isArray(value['observations']) ? value['observations'] : null;
  if (name === null) return [fault('name', 'must be text')];
  if (observations === null) return [fault('observations', 'must be a list')];
  const tags = toText(value['entityType']);
  return observations.map((observation, index) => {
    const text = toText(observation);
    if (text === null) return fault(`observations.${index}`, 'must be text');
    return toMemory(`${name}: ${text}`, tags === null ? [] : [tags]);
  });
}

function toMemory(content: string, tags: readonly string[]): Content {
  const fields = {
    content,
    type: 'fact' as const,
    scope: 'user_global' as const,
    confidence: null,
    source: { platform: 'mcp-memory' },
    tags: toTags(tags.map((tag) => shorten(tag, memoryLimits.tagChars))),
  };
  return checkedMemory(fields, { id: derivedId('mcp-memory', content) });
}
