/** What the two devices bring in: the facts of two conversations from a file, or a small set of our own. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryFields } from '../../src/core/memory.ts';
import { contentSchema } from '../../src/core/memory-schemas.ts';
import { sampleLaptop, samplePhone } from './sample-memories.ts';

export interface Dataset {
  /** Where it comes from, for the reader. */
  readonly name: string;
  readonly laptop: readonly MemoryFields[];
  readonly phone: readonly MemoryFields[];
}

/** Each device needs so many for the edits that follow. */
const leastMemories = 3;
/** Of the project's folder. Conversations of the LoCoMo benchmark, where they are beside it; they are no part of it. */
const usualFile = join(import.meta.dirname, '../../../../shared/data/locomo-dev.json');

export const sample: Dataset = { name: 'a small set of its own', laptop: sampleLaptop, phone: samplePhone };

export const findDataset = (): Dataset => (existsSync(usualFile) ? readDataset(usualFile) : sample);

/**
 * `{"conversations": [{"id": "…", "speakers": ["…"], "facts": [{"text": "…"}]}, …]}`: the first for the laptop, the second
 * for the phone. @throws Error when the file is something else.
 */
export function readDataset(path: string): Dataset {
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const [laptop, phone] = listAt(parsed, 'conversations').map(toMemories);
  if (laptop === undefined || phone === undefined) throw new Error(`${path} must hold two conversations`);
  if (Math.min(laptop.length, phone.length) < leastMemories)
    throw new Error(`a conversation of ${path} has less than ${leastMemories} facts`);
  return { name: `two conversations of ${path.split(/[\\/]/).at(-1)}`, laptop, phone };
}

function toMemories(conversation: unknown): MemoryFields[] {
  const conversationId = String(at(conversation, 'id'));
  const speakers = listAt(conversation, 'speakers').map(String);
  return listAt(conversation, 'facts').flatMap((fact): MemoryFields[] => {
    const content = contentSchema.safeParse(at(fact, 'text'));
    if (!content.success) return [];
    const tags = speakers.filter((name) => content.data.includes(name)).map((name) => name.toLowerCase());
    return [
      {
        content: content.data,
        type: 'fact',
        scope: 'user_global',
        confidence: null,
        source: { platform: 'locomo', conversationId },
        tags,
      },
    ];
  });
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const list = at(value, key);
  return Array.isArray(list) ? list : [];
}
