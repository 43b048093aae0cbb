/** One line below the name: whether everything is in step, and if not, why and until when. */
import { h, iconButton } from './dom.ts';
import type { Replica } from './replica.ts';
import { statusToWords } from './words.ts';

export function showStatus(place: HTMLElement, replica: Replica | null): void {
  const { tone, text, detail } = replica === null ? loggedOut : statusToWords(replica.client.status);
  const isNew = place.dataset['shown'] !== `${tone} ${text} ${detail}`;
  if (!isNew) return;
  place.dataset['shown'] = `${tone} ${text} ${detail}`;
  place.className = `status ${tone}`;
  place.title = detail ?? '';
  const retry = tone === 'away' || tone === 'bad';
  const action = replica?.account.isLoggedOut === true ? logIn() : retry && replica !== null && tryNow(replica);
  place.replaceChildren(h('span', { class: 'dot' }), h('span', { role: 'status' }, text), action || '');
}

const loggedOut = { tone: 'away', text: 'Nobody is logged in', detail: null } as const;

const logIn = (): HTMLElement => h('a', { href: 'options.html', target: '_blank' }, 'Log in again');

const tryNow = ({ client }: Replica): HTMLElement => iconButton('retry', 'Try now', () => client.syncNow());
