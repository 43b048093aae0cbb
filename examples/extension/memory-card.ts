/** One memory in the list. */
import type { ClientMemory } from '../../src/client/index.ts';
import { h, iconButton } from './dom.ts';
import { relativeTime, typeNames } from './words.ts';

export interface CardActions {
  readonly open: () => void;
  readonly remove: () => void;
}

export function createMemoryCard(memory: ClientMemory, nowMs: number, { open, remove }: CardActions): HTMLLIElement {
  const { id, content, type, tags, source, updatedAt, isPending } = memory;
  const where = source?.platform ?? source?.title;
  return h(
    'li',
    { class: 'card', 'data-id': id, 'data-type': type, tabindex: -1, on: { click: open } },
    h('p', { class: 'content' }, content),
    h(
      'div',
      { class: 'facts' },
      h('span', { class: 'type' }, typeNames[type]),
      ...tags.map((tag) => h('span', { class: 'tag' }, tag)),
      where !== undefined && h('span', { class: 'where', title: source?.title }, where),
      h('time', { datetime: new Date(updatedAt).toISOString() }, relativeTime(Math.min(updatedAt, nowMs), nowMs)),
      isPending && h('span', { class: 'pending', title: 'Waits to be sent' }, 'waits'),
    ),
    h(
      'div',
      { class: 'actions', on: { click: (event) => event.stopPropagation() } },
      iconButton('edit', 'Edit', open),
      iconButton('delete', 'Delete', remove),
    ),
  );
}
