/** One memory, new or known. Saving writes what the person changed and nothing else, so nothing that came meanwhile is undone. */
import {
  type Client,
  type ClientMemory,
  InvalidMemory,
  type MemoryFields,
  type MemoryId,
  type MemoryScope,
  type MemoryType,
  memoryTypes,
  StorageFull,
} from '../../src/client/index.ts';
import { h, icon, iconButton } from './dom.ts';
import type { UndoBar } from './undo-bar.ts';
import type { View } from './view.ts';
import { typeNames } from './words.ts';

export interface MemoryEditorDeps {
  readonly client: Client;
  /** Null: a new one. */
  readonly id: MemoryId | null;
  readonly undoBar: UndoBar;
  /** @param saved the memory that was written, if one was. */
  readonly leave: (saved?: MemoryId) => void;
}

type Fields = Pick<MemoryFields, 'content' | 'type' | 'scope' | 'tags'>;

const scopeNames: Readonly<Record<MemoryScope, string>> = {
  user_global: 'Everywhere',
  site: 'This site',
  conversation: 'This conversation',
  session: 'This session',
};

const emptyFields: Fields = { content: '', type: 'fact', scope: 'user_global', tags: [] };

export function createMemoryEditor({ client, id, undoBar, leave }: MemoryEditorDeps): View {
  const memory = id === null ? null : client.get(id);
  const before: Fields = memory ?? emptyFields;
  const form = createForm(before, memory);
  const problem = h('p', { class: 'problem', role: 'alert' });

  async function save(): Promise<void> {
    const after = form.read();
    try {
      leave(memory === null ? await create(after) : await update(memory, after));
    } catch (error) {
      problem.textContent = problemOf(error);
    }
  }
  async function create(fields: Fields): Promise<MemoryId> {
    const created = await client.create(fields);
    undoBar.offer('Kept.', () => client.delete(created.id));
    return created.id;
  }
  async function update(known: ClientMemory, after: Fields): Promise<MemoryId> {
    const changed = differing(before, after);
    if (Object.keys(changed).length === 0) return known.id;
    await client.update(known.id, changed);
    const back = Object.fromEntries(Object.keys(changed).map((name) => [name, before[name as keyof Fields]]));
    undoBar.offer('Changed.', async () => void (await client.update(known.id, back)));
    return known.id;
  }
  async function remove(known: ClientMemory): Promise<void> {
    await client.delete(known.id);
    undoBar.offer('Deleted.', async () => void (await client.restore(known.id)));
    leave();
  }

  const element = h(
    'form',
    {
      class: 'editor',
      on: {
        submit: (event) => {
          event.preventDefault();
          void save();
        },
        keydown: (event) => {
          const { key, ctrlKey, metaKey } = event as KeyboardEvent;
          if (key === 'Enter' && (ctrlKey || metaKey)) element.requestSubmit();
        },
      },
    },
    h(
      'div',
      { class: 'view-head' },
      iconButton('back', 'Back (Esc)', () => leave()),
      h('h2', {}, memory === null ? 'New memory' : 'Memory'),
    ),
    ...form.elements,
    problem,
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'submit', class: 'primary', title: 'Ctrl+Enter' }, memory === null ? 'Remember' : 'Save'),
      memory !== null &&
        h('button', { type: 'button', class: 'danger', on: { click: () => void remove(memory) } }, icon('delete'), 'Delete'),
    ),
  );
  queueMicrotask(() => form.focus());
  return { element, refresh: () => undefined };
}

interface Form {
  readonly elements: readonly HTMLElement[];
  read(): Fields;
  focus(): void;
}

function createForm({ content, type, scope, tags }: Fields, memory: ClientMemory | null): Form {
  const text = h('textarea', { rows: 7, required: true, placeholder: 'What should be remembered?', 'aria-label': 'Content' });
  text.value = content;
  const typeInput = createSelect(
    'Type',
    memoryTypes.map((value) => [value, typeNames[value]] as const),
    type,
  );
  const scopeInput = createSelect('Holds', Object.entries(scopeNames), scope);
  const tagInput = h('input', { type: 'text', placeholder: 'tea, mornings', spellcheck: 'false' });
  tagInput.value = tags.join(', ');
  const source = memory?.source ?? null;
  return {
    elements: [
      text,
      h('div', { class: 'row' }, typeInput.label, scopeInput.label),
      h('label', {}, h('span', {}, 'Tags'), tagInput),
      ...(source?.url === undefined ? [] : [sourceLink(source.url, source.title ?? source.url)]),
    ],
    read: () => ({
      content: text.value.trim(),
      type: typeInput.select.value as MemoryType,
      scope: scopeInput.select.value as MemoryScope,
      tags: [...new Set(tagInput.value.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== ''),
    }),
    focus: () => text.focus(),
  };
}

function createSelect(name: string, choices: readonly (readonly [string, string])[], chosen: string) {
  const options = choices.map(([value, text]) => h('option', { value, selected: value === chosen }, text));
  const select = h('select', {}, ...options);
  return { select, label: h('label', {}, h('span', {}, name), select) };
}

/** A memory can come from anywhere: only addresses of the web become links. */
function sourceLink(url: string, title: string): HTMLElement {
  const isWeb = /^https?:\/\//i.test(url);
  return isWeb
    ? h('a', { class: 'source', href: url, target: '_blank', rel: 'noreferrer' }, icon('link'), h('span', {}, title))
    : h('p', { class: 'source' }, icon('link'), h('span', {}, title));
}

function differing(before: Fields, after: Fields): Partial<Fields> {
  const isSame = (name: keyof Fields): boolean => JSON.stringify(sorted(before[name])) === JSON.stringify(sorted(after[name]));
  return Object.fromEntries(Object.entries(after).filter(([name]) => !isSame(name as keyof Fields)));
}

const sorted = (value: string | readonly string[]): unknown => (typeof value === 'string' ? value : [...value].sort());

function problemOf(error: unknown): string {
  if (error instanceof InvalidMemory)
    return `${error.path.slice(1).replace(/^tags\//, 'Tag ')}: ${error.message.replace(/^\S+ /, '')}`;
  if (error instanceof StorageFull) return 'This computer has no room left. Nothing was changed.';
  return `It could not be kept: ${error}`;
}
