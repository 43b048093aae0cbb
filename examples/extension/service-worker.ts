/**
 * Owns the client while no page of the extension is open: keeps the replica in step, the icon true, and takes selections.
 * The browser ends it when it has nothing to do and starts it again for an event; an open socket keeps it alive.
 */
import { InvalidMemory, type NewMemory, StorageFull } from '../../src/client/index.ts';
import { showBadge, showFailure } from './badge.ts';
import { type CaptureRequest, captureSelection } from './capture.ts';
import { followAccount, type Replica } from './replica.ts';
import { showToast } from './toast.ts';

const menuItem = 'remember-selection';

/** Wakes a worker that was ended while something waited. What the browser allows at most often is 30 s. */
const alarm = { name: 'sync', periodInMinutes: 1 };

let replica: Replica | null = null;
let tellReady = (): void => {};
const isReady = new Promise<void>((resolve) => {
  tellReady = resolve;
});
let stopListening = (): void => {};

followAccount(follow, (error) => {
  showFailure(error);
  tellReady();
});

function follow(next: Replica | null): void {
  stopListening();
  replica = next;
  showBadge(replica);
  stopListening = next?.client.subscribe(() => showBadge(replica)) ?? (() => {});
  tellReady();
}

chrome.runtime.onInstalled.addListener(() => {
  chrome.contextMenus.create({ id: menuItem, title: 'Remember this', contexts: ['selection'] });
  // Tokens are for the extension's own pages; scripts in web pages get nothing.
  void chrome.storage.local.setAccessLevel({ accessLevel: 'TRUSTED_CONTEXTS' });
  void chrome.alarms.create(alarm.name, { periodInMinutes: alarm.periodInMinutes });
});

// The listener is what starts the worker; the client does the rest by itself, sooner than its own timers would.
chrome.alarms.onAlarm.addListener(() => {
  if (replica !== null && replica.client.status.outbox > 0) replica.client.syncNow();
});

// A page of the extension opened: be there when it closes.
chrome.runtime.onMessage.addListener(() => undefined);
chrome.runtime.onStartup.addListener(() => undefined);

chrome.contextMenus.onClicked.addListener((info, tab) => {
  if (info.menuItemId !== menuItem || tab === undefined) return;
  void remember({ tab, frameId: info.frameId, selectionText: info.selectionText });
});

chrome.commands.onCommand.addListener((command, tab) => {
  if (command === menuItem && tab !== undefined) void remember({ tab });
});

async function remember(request: CaptureRequest): Promise<void> {
  await isReady;
  if (replica === null) return await chrome.runtime.openOptionsPage();
  const memory = await captureSelection(request, Date.now());
  const { text, tone } = memory === null ? nothingSelected : await keep(replica, memory);
  if (request.tab.id !== undefined) await showToast(request.tab.id, text, tone);
}

interface Outcome {
  readonly text: string;
  readonly tone: 'good' | 'bad';
}

const nothingSelected: Outcome = { text: 'Nothing is selected.', tone: 'bad' };

async function keep({ client }: Replica, memory: NewMemory): Promise<Outcome> {
  try {
    await client.create(memory);
    return {
      text: client.status.online ? 'Remembered.' : 'Remembered here. It is sent when you are online again.',
      tone: 'good',
    };
  } catch (error) {
    if (error instanceof InvalidMemory)
      return { text: `Not remembered: the selection ${error.message.replace(/^\S+ /, '')}.`, tone: 'bad' };
    if (error instanceof StorageFull) return { text: 'Not remembered: this computer has no room left.', tone: 'bad' };
    throw error;
  }
}
