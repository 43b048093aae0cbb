/** Who is logged in, how the replica does, and the way out. */
import { forgetAccount } from './account.ts';
import { h } from './dom.ts';
import type { Replica } from './replica.ts';
import { endSession } from './server.ts';
import { count, relativeTime, statusToWords } from './words.ts';

export function createSessionBox({ account, client }: Replica): HTMLElement {
  const state = h('dd');
  const kept = h('dd');
  const leave = h('button', { type: 'button' }, 'Log out');
  const warning = h('p', { class: 'problem', role: 'alert' });

  function refresh(): void {
    const { lastSyncAt } = client.status;
    const { text, detail } = statusToWords(client.status);
    const since = lastSyncAt === null ? '' : `, last in step ${relativeTime(lastSyncAt, Date.now())}`;
    state.textContent = `${text}${since}.${detail === null ? '' : ` ${detail}`}`;
    kept.textContent = count(client.count(), 'memory').replace('memorys', 'memories');
  }
  /** What waits would be lost with the copy on this device, so that takes a second click. */
  leave.addEventListener('click', () => {
    const { outbox } = client.status;
    if (outbox > 0 && warning.textContent === '') {
      warning.textContent = `${count(outbox, 'change')} did not reach the server yet. Log out all the same, and they are lost.`;
      leave.className = 'danger';
    } else void logOut({ account, client });
  });
  client.subscribe(refresh);
  refresh();
  return h(
    'section',
    { class: 'box' },
    h('h2', {}, 'Account'),
    h(
      'dl',
      {},
      ...pair('Logged in as', account.user.email),
      ...pair('Server', account.server),
      ...pair('This device', account.device.name),
      h('dt', {}, 'State'),
      state,
      h('dt', {}, 'Kept here'),
      kept,
    ),
    warning,
    h('div', { class: 'buttons' }, leave),
  );
}

const pair = (name: string, value: string): readonly HTMLElement[] => [h('dt', {}, name), h('dd', {}, value)];

/** The copy on this device goes; the memories are on the server. */
async function logOut({ account, client }: Replica): Promise<void> {
  await client.destroy();
  await endSession(account).catch(() => undefined);
  await forgetAccount();
}
