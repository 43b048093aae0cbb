/** The popup, and the same page as side panel: the list, one memory, the conflicts. */
import type { MemoryId } from '../../src/client/index.ts';
import { createConflictView } from './conflict-view.ts';
import { byId, h, iconButton } from './dom.ts';
import { createMemoryEditor } from './memory-editor.ts';
import { createMemoryList } from './memory-list.ts';
import { followAccount, type Replica } from './replica.ts';
import { showStatus } from './status-line.ts';
import { createUndoBar } from './undo-bar.ts';
import type { View } from './view.ts';

const main = byId('main');
const undoBar = createUndoBar(byId('undo'));
const isSidePanel = new URLSearchParams(location.search).get('place') === 'side';
document.body.classList.toggle('at-side', isSidePanel);

let replica: Replica | null = null;
let view: View | null = null;
let list: (View & { focusSearch(): void }) | null = null;
let stopListening = (): void => {};

showTools();
followAccount(follow, showFailure);

// Wakes the service worker, so that it is there to go on when this page closes.
chrome.runtime.sendMessage('opened').catch(() => undefined);
// What is said of times, as in `5 min. ago`, gets old.
setInterval(() => view?.refresh(), 60_000);
addEventListener('keydown', onKey);

function follow(next: Replica | null): void {
  const isNew = next === null || next.client !== replica?.client;
  replica = next;
  if (!isNew) return refreshStatus();
  stopListening();
  if (next === null) return showWelcome();
  stopListening = next.client.subscribe(({ status }) => {
    if (status) refreshStatus();
    view?.refresh();
  });
  showList();
}

function show(next: View): void {
  view?.close?.();
  view = next;
  main.replaceChildren(next.element);
  next.refresh();
  refreshStatus();
}

function showList(focus?: MemoryId): void {
  if (replica === null) return;
  const { client } = replica;
  list ??= createMemoryList({
    client,
    open: (id) => showEditor(id),
    remove: async (id) => {
      await client.delete(id);
      undoBar.offer('Deleted.', async () => void (await client.restore(id)));
    },
    openConflicts: showConflicts,
  });
  show(list);
  if (focus === undefined) list.focusSearch();
  else list.element.querySelector<HTMLElement>(`[data-id="${focus}"]`)?.focus();
}

function showEditor(id: MemoryId | null): void {
  if (replica === null) return;
  const { client } = replica;
  show(createMemoryEditor({ client, id, undoBar, leave: (saved) => showList(saved ?? id ?? undefined) }));
}

function showConflicts(): void {
  if (replica === null) return;
  show(createConflictView({ client: replica.client, account: () => replica?.account ?? null, leave: () => showList() }));
}

function showWelcome(): void {
  list = null;
  const open = { click: () => void chrome.runtime.openOptionsPage() };
  const element = h(
    'section',
    { class: 'empty' },
    h('h2', {}, 'Everything worth remembering, on every device'),
    h('p', {}, 'Select text on any page and choose “Remember this”. It is kept here at once, and reaches your other devices.'),
    h('button', { type: 'button', class: 'primary', on: open }, 'Set up'),
  );
  show({ element, refresh: () => undefined });
}

function showFailure(error: unknown): void {
  const text = `What is kept on this computer cannot be opened: ${error}. Close this window and open it again.`;
  show({ element: h('p', { class: 'empty problem', role: 'alert' }, text), refresh: () => undefined });
}

function refreshStatus(): void {
  showStatus(byId('status'), replica);
}

function showTools(): void {
  const openSide = async (): Promise<void> => {
    const { id } = await chrome.windows.getCurrent();
    if (id !== undefined) await chrome.sidePanel.open({ windowId: id });
    close();
  };
  byId('tools').append(
    iconButton('add', 'New memory (N)', () => showEditor(null)),
    ...(isSidePanel ? [] : [iconButton('side', 'Open at the side', () => void openSide())]),
    iconButton('settings', 'Settings', () => void chrome.runtime.openOptionsPage()),
  );
}

/** Letters work where nobody types. */
function onKey(event: KeyboardEvent): void {
  const isTyping = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
  if (event.key === 'Escape' && view !== null && view !== list && list !== null) {
    event.preventDefault();
    showList();
  }
  if (isTyping || event.altKey) return;
  const isUndo = event.key === 'z' && (event.ctrlKey || event.metaKey);
  if (isUndo) undoBar.undo();
  else if (event.ctrlKey || event.metaKey) return;
  else if (event.key === 'n') showEditor(null);
  else if (event.key === '/') showList();
  else return;
  event.preventDefault();
}
