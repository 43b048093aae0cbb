/** What the two devices do to the same memories while neither hears of the other. */
import { randomUUID } from 'node:crypto';
import type { Change } from '../../src/core/change.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import { type MemoryFields, memoryScopes } from '../../src/core/memory.ts';
import type { Write } from '../../src/core/register.ts';
import type { Edit } from './device-orders.ts';

export type DeviceName = 'laptop' | 'phone';

export interface Brought extends MemoryFields {
  readonly id: MemoryId;
}

/** Edits of one memory. */
export interface Scene {
  readonly name: string;
  readonly about: string;
  readonly memoryId: MemoryId;
  /** What it said before; null: it is made offline. */
  readonly before: string | null;
  /** Made by the phone while both are still online, so that the laptop has seen it. */
  readonly seen?: readonly Write[];
  readonly offline: { readonly [Name in DeviceName]?: readonly Write[] };
}

const content = (value: string): Write => ({ register: 'content', value });

/** @throws RangeError when a device brought in fewer than three. */
export function createScenes(laptop: readonly Brought[], phone: readonly Brought[]): readonly Scene[] {
  const [first, third, fifth] = laptop;
  const [second, fourth, sixth] = phone;
  if (!(first && second && third && fourth && fifth && sixth)) throw new RangeError('too few memories to edit');
  const scene = (name: string, about: string, { id, content: before }: Brought, offline: Scene['offline']): Scene => ({
    name,
    about,
    memoryId: id,
    before,
    offline,
  });
  return [
    scene('A', 'both change the content', first, {
      laptop: [content(`Confirmed last week: ${first.content}`)],
      phone: [content(`No longer true: ${first.content}`)],
    }),
    scene('B', 'one edits while the other deletes', second, {
      laptop: [{ register: 'deleted', value: true }],
      phone: [content(`More exactly: ${second.content}`)],
    }),
    scene('C', 'each adds a tag', third, {
      laptop: [{ register: 'tags/to-check', value: true }],
      phone: [{ register: 'tags/favourite', value: true }],
    }),
    scene('D', 'one changes the confidence, the other the content', fourth, {
      laptop: [{ register: 'confidence', value: 0.4 }],
      phone: [content(`As told on the way: ${fourth.content}`)],
    }),
    scene('E', 'both set the same value', fifth, {
      laptop: [{ register: 'type', value: 'project' }],
      phone: [{ register: 'type', value: 'project' }],
    }),
    {
      ...scene('F', 'the phone wrote before, and the laptop had seen it', sixth, {
        laptop: [content(`Checked again: ${sixth.content}`)],
      }),
      seen: [content(`Corrected: ${sixth.content}`)],
    },
    createdOffline(),
  ];
}

function createdOffline(): Scene {
  const writes: readonly Write[] = [
    content('Was without a connection all afternoon and would like it to be like this more often.'),
    { register: 'type', value: 'preference' },
    { register: 'scope', value: memoryScopes[0] },
  ];
  return {
    name: 'G',
    about: 'one makes a new memory',
    memoryId: randomUUID() as MemoryId,
    before: null,
    offline: { laptop: writes },
  };
}

/** The edits of one device, in the order of the scenes. */
export function editsOf(scenes: readonly Scene[], writesOf: (scene: Scene) => readonly Write[] | undefined): Edit[] {
  return scenes.flatMap((scene) => {
    const writes = writesOf(scene);
    return writes === undefined ? [] : [{ memoryId: scene.memoryId, change: { writes } }];
  });
}

/** A memory's first op: every register that is not empty. */
export function toFirstChange({ content: text, type, scope, confidence, source, tags }: MemoryFields): Change {
  const writes: Write[] = [content(text), { register: 'type', value: type }, { register: 'scope', value: scope }];
  if (confidence !== null) writes.push({ register: 'confidence', value: confidence });
  if (source !== null) writes.push({ register: 'source', value: source });
  return { writes: [...writes, ...tags.map((tag): Write => ({ register: `tags/${tag}`, value: true }))] };
}
