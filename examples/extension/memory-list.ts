/** All memories, newest first, or what a search finds; by type. A screenful at a time: twenty thousand are no slower than ten. */
import {
  type Client,
  type ClientMemory,
  type MemoryId,
  type MemoryType,
  memoryTypes,
  type SearchAnswer,
} from '../../src/client/index.ts';
import { h, icon } from './dom.ts';
import { createMemoryCard } from './memory-card.ts';
import type { View } from './view.ts';
import { count, typeNames } from './words.ts';

export interface MemoryListDeps {
  readonly client: Client;
  readonly open: (id: MemoryId) => void;
  readonly remove: (id: MemoryId) => Promise<void>;
  readonly openConflicts: () => void;
}

const pageSize = 40;
const searchLimit = 100;
/** Between the last key and asking the server, ms. This device answers at every key. */
const typingMs = 250;

export function createMemoryList(deps: MemoryListDeps): View & { focusSearch(): void } {
  const { client } = deps;
  const search = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search memories', spellcheck: 'false' });
  const types = createTypeFilter(() => refresh());
  const banner = h('div', { class: 'banner' });
  const summary = h('p', { class: 'summary', 'aria-live': 'polite' });
  const items = h('ul', { class: 'cards', 'aria-label': 'Memories' });
  const end = h('div', { class: 'end' });
  const element = h(
    'section',
    { class: 'list' },
    h('div', { class: 'finder' }, h('label', { class: 'search' }, icon('search'), search), types.element),
    banner,
    summary,
    items,
    end,
  );
  const cards = createCards(items, deps);
  let size = pageSize;
  let answer: { readonly query: string; readonly found: SearchAnswer } | null = null;
  let typing: ReturnType<typeof setTimeout> | undefined;

  search.addEventListener('input', () => {
    size = pageSize;
    answer = null;
    clearTimeout(typing);
    if (search.value.trim() !== '') typing = setTimeout(() => void askServer(search.value), typingMs);
    refresh();
  });
  new IntersectionObserver(([entry]) => {
    if (entry?.isIntersecting !== true || items.childElementCount < size) return;
    size += pageSize;
    refresh();
  }).observe(end);
  element.addEventListener('keydown', (event) => moveFocus(event, search, items));

  async function askServer(query: string): Promise<void> {
    const found = await client.search(query, { limit: searchLimit });
    if (search.value !== query || found.from === 'device') return;
    answer = { query, found };
    refresh();
  }

  function find(): { readonly memories: readonly ClientMemory[]; readonly from: SearchAnswer['from'] } {
    const filter = types.chosen === null ? {} : { type: types.chosen };
    if (search.value.trim() === '') return { memories: client.list(filter), from: 'device' };
    if (answer?.query !== search.value) return { memories: searchHere(client, search.value, types.chosen), from: 'device' };
    const found = answer.found.results.map(({ memory }) => client.get(memory.id) ?? memory);
    const wanted = found.filter((memory) => !memory.deleted && (types.chosen === null || memory.type === types.chosen));
    return { memories: wanted, from: 'server' };
  }

  function refresh(): void {
    const { memories, from } = find();
    cards.show(memories.slice(0, size));
    summary.textContent = summaryOf(memories.length, search.value.trim() !== '', from);
    showBanner(banner, client, deps.openConflicts);
  }

  return { element, refresh, focusSearch: () => search.focus() };
}

/** At once, in the same turn: the list follows every key. */
function searchHere(client: Client, query: string, type: MemoryType | null): readonly ClientMemory[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const filter = type === null ? {} : { type };
  return client.list(filter).filter(({ content, tags, source }) => {
    const text = `${content} ${tags.join(' ')} ${source?.title ?? ''} ${source?.platform ?? ''}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function summaryOf(found: number, isSearch: boolean, from: SearchAnswer['from']): string {
  if (!isSearch)
    return found === 0
      ? 'Nothing here yet. Select text on a page and choose “Remember this”, or press N.'
      : count(found, 'memory').replace('memorys', 'memories');
  const what = found === 0 ? 'Nothing found' : `${found.toLocaleString('en')} found`;
  return `${what} ${from === 'server' ? 'on the server' : 'on this device'}`;
}

function showBanner(place: HTMLElement, client: Client, openConflicts: () => void): void {
  const conflicts = client.conflicts().length;
  const rejected = client.rejected().length;
  const parts = [
    ...(conflicts === 0 ? [] : [`${count(conflicts, 'conflict')} to decide`]),
    ...(rejected === 0 ? [] : [`${count(rejected, 'change')} could not be applied`]),
  ];
  const text = parts.join(', ');
  if (place.textContent === text) return;
  place.replaceChildren(text === '' ? '' : h('button', { type: 'button', on: { click: openConflicts } }, text));
}

interface Cards {
  show(memories: readonly ClientMemory[]): void;
}

/** Cards whose memory is the same stay the elements that they are, and the focus stays where it is. */
function createCards(items: HTMLElement, { open, remove }: MemoryListDeps): Cards {
  let shown = new Map<MemoryId, { readonly key: string; readonly card: HTMLElement }>();
  return {
    show(memories) {
      const now = Date.now();
      const focused = document.activeElement?.closest('li');
      const place = focused === null || focused === undefined ? -1 : [...items.children].indexOf(focused);
      const next = new Map<MemoryId, { readonly key: string; readonly card: HTMLElement }>();
      for (const memory of memories) {
        const card = createMemoryCard(memory, now, { open: () => open(memory.id), remove: () => void remove(memory.id) });
        const key = card.outerHTML;
        const before = shown.get(memory.id);
        next.set(memory.id, before?.key === key ? before : { key, card });
      }
      shown = next;
      const elements = [...next.values()].map(({ card }) => card);
      if (elements.length === items.childElementCount && elements.every((card, i) => card === items.children[i])) return;
      items.replaceChildren(...elements);
      const first = items.querySelector<HTMLElement>('li');
      if (first !== null) first.tabIndex = 0;
      if (place >= 0) (elements.find((card) => card === focused) ?? elements[Math.min(place, elements.length - 1)])?.focus();
    },
  };
}

/** Down leads from the search into the list; Enter opens and Delete deletes what has the focus. */
function moveFocus(event: KeyboardEvent, search: HTMLElement, items: HTMLElement): void {
  const card = (event.target as Element).closest<HTMLElement>('li');
  if (event.target !== search && card === null) return;
  const next = card?.nextElementSibling ?? (card === null ? items.firstElementChild : null);
  if (event.key === 'ArrowDown') (next as HTMLElement | null)?.focus();
  else if (event.key === 'ArrowUp' && card !== null) ((card.previousElementSibling ?? search) as HTMLElement).focus();
  else if (event.key === 'Enter' && event.target === card) card?.click();
  else if (event.key === 'Delete' && event.target === card) card?.querySelector<HTMLElement>('[aria-label=Delete]')?.click();
  else return;
  event.preventDefault();
}

interface TypeFilter {
  readonly element: HTMLElement;
  readonly chosen: MemoryType | null;
}

function createTypeFilter(onChange: () => void): TypeFilter {
  const choices = [['', 'All'], ...memoryTypes.map((type) => [type, typeNames[type]] as const)] as const;
  const radios = choices.map(([value, name], index) => {
    const input = h('input', { type: 'radio', name: 'type', value, checked: index === 0, on: { change: onChange } });
    return { input, label: h('label', { class: 'chip', 'data-type': value }, input, name) };
  });
  return {
    element: h('fieldset', { class: 'types' }, h('legend', {}, 'Type'), ...radios.map(({ label }) => label)),
    get chosen() {
      return (radios.find(({ input }) => input.checked)?.input.value || null) as MemoryType | null;
    },
  };
}
