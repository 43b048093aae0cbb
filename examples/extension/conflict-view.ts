/** What two devices wrote without knowing of each other: both values side by side, and the choice. */
import type { Client, Conflict, ConflictSide, MemoryId, RejectedOp } from '../../src/client/index.ts';
import type { Account } from './account.ts';
import { h, iconButton } from './dom.ts';
import { readEventTimes } from './server.ts';
import type { View } from './view.ts';
import { registerToWords, relativeTime, valueToWords } from './words.ts';

export interface ConflictViewDeps {
  readonly client: Client;
  readonly account: () => Account | null;
  readonly leave: () => void;
}

export function createConflictView({ client, account, leave }: ConflictViewDeps): View {
  const items = h('div', { class: 'conflicts' });
  const element = h(
    'section',
    { class: 'decide' },
    h('div', { class: 'view-head' }, iconButton('back', 'Back (Esc)', leave), h('h2', {}, 'To decide')),
    items,
  );
  const times = createEventTimes(() => (client.status.online ? account() : null), refresh);
  let shown = '';

  function refresh(): void {
    const conflicts = client.conflicts();
    const rejected = client.rejected();
    const key = JSON.stringify([conflicts, rejected, conflicts.map(({ memoryId }) => times.of(memoryId)?.size ?? 0)]);
    if (key === shown) return;
    shown = key;
    const hadFocus = items.contains(document.activeElement);
    const nothing = h('p', { class: 'empty' }, 'Nothing to decide. Every device shows the same.');
    items.replaceChildren(
      ...conflicts.map((conflict) => conflictCard(conflict, { client, timeOf: (seq) => times.of(conflict.memoryId)?.get(seq) })),
      ...rejected.map((op) => rejectedCard(op, client)),
      conflicts.length + rejected.length === 0 ? nothing : '',
    );
    if (hadFocus) items.querySelector('button')?.focus();
  }
  return { element, refresh };
}

interface CardDeps {
  readonly client: Client;
  /** ISO 8601, where it is known. */
  readonly timeOf: (seq: number) => string | undefined;
}

function conflictCard(conflict: Conflict, { client, timeOf }: CardDeps): HTMLElement {
  const { id, memoryId, register, winner, loser, at } = conflict;
  const memory = client.get(memoryId);
  const sideOf = (which: 'winner' | 'loser', side: ConflictSide): HTMLElement =>
    h(
      'section',
      { class: `side ${which}` },
      h('h4', {}, which === 'winner' ? 'Shown now' : 'Also written'),
      h('p', { class: 'value' }, valueToWords(register, side.value)),
      h('p', { class: 'writer' }, h('b', {}, side.device.name), timeElement(timeOf(side.seq) ?? at)),
      h(
        'button',
        { type: 'button', on: { click: () => void client.resolve(id, which) } },
        which === 'winner' ? 'Keep this' : 'Keep that',
      ),
    );
  return h(
    'article',
    { class: 'conflict', 'data-id': id },
    h('h3', {}, registerToWords(register)),
    register !== 'content' && memory !== null && h('p', { class: 'about' }, memory.content),
    h('div', { class: 'sides' }, sideOf('winner', winner), sideOf('loser', loser)),
  );
}

function rejectedCard({ seq, code, op: { change } }: RejectedOp, client: Client): HTMLElement {
  return h(
    'article',
    { class: 'conflict rejected' },
    h('h3', {}, 'Could not be applied'),
    h('p', { class: 'about' }, reasonByCode[code] ?? code),
    ...change.writes.map(({ register, value }) =>
      h('p', { class: 'value' }, `${registerToWords(register)}: ${valueToWords(register, value)}`),
    ),
    h('button', { type: 'button', on: { click: () => void client.dismissRejected(seq) } }, 'Understood'),
  );
}

const reasonByCode: Readonly<Record<string, string>> = {
  unknown_memory: 'The memory is not there any more.',
  erased_memory: 'The memory was erased for good.',
  invalid_value: 'A value is not possible.',
  too_many_tags: 'The memory would have too many tags.',
  empty_patch: 'Nothing would change.',
};

function timeElement(iso: string): HTMLElement {
  const at = new Date(iso);
  return h('time', { datetime: iso, title: at.toLocaleString() }, relativeTime(at.getTime(), Date.now()));
}

interface EventTimes {
  of(memoryId: MemoryId): ReadonlyMap<number, string> | undefined;
}

/** When each side was written is in the history on the server; until it is known, the time of the conflict stands for both. */
function createEventTimes(account: () => Account | null, onKnown: () => void): EventTimes {
  const timesByMemory = new Map<MemoryId, ReadonlyMap<number, string>>();
  const asked = new Set<MemoryId>();

  async function ask(memoryId: MemoryId, from: Account): Promise<void> {
    try {
      timesByMemory.set(memoryId, await readEventTimes(from, memoryId));
      onKnown();
    } catch {
      // The network went, or the token is just being renewed: the time of the conflict is shown, and it is asked again.
      asked.delete(memoryId);
    }
  }
  return {
    of(memoryId) {
      const from = account();
      if (from !== null && !asked.has(memoryId)) {
        asked.add(memoryId);
        void ask(memoryId, from);
      }
      return timesByMemory.get(memoryId);
    },
  };
}
