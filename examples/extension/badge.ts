/** The icon in the toolbar: grey when offline, with the number of changes that wait, or of conflicts to decide. */
import type { Client } from '../../src/client/index.ts';
import type { Replica } from './replica.ts';
import { count, statusToWords } from './words.ts';

interface Badge {
  readonly text: string;
  readonly color: string;
  readonly icon: 'live' | 'offline';
  readonly title: string;
}

const amber = '#d97706';
const grey = '#6b7280';
const red = '#dc2626';
const violet = '#7c3aed';

export function showBadge(replica: Replica | null): void {
  show(replica === null ? loggedOut : badgeOf(replica.client)).catch((error) =>
    console.error('AIBrain cannot set its icon', error),
  );
}

export function showFailure(error: unknown): void {
  console.error('AIBrain cannot open its memories', error);
  show(failed).catch(() => undefined);
}

const failed: Badge = { text: '!', color: red, icon: 'offline', title: 'AIBrain cannot open what is kept on this computer' };

const loggedOut: Badge = { text: '', color: grey, icon: 'offline', title: 'AIBrain: nobody is logged in' };

function badgeOf(client: Client): Badge {
  const { status } = client;
  const { tone, text } = statusToWords(status);
  const conflicts = client.conflicts().length;
  const title = `AIBrain: ${text}${conflicts === 0 ? '' : ` · ${count(conflicts, 'conflict')} to decide`}`;
  const isAway = tone === 'away' || tone === 'bad';
  const base = { icon: isAway ? 'offline' : 'live', title } as const;
  if (tone === 'bad') return { ...base, text: '!', color: red };
  if (status.outbox > 0) return { ...base, text: short(status.outbox), color: isAway ? amber : violet };
  if (isAway) return { ...base, text: 'off', color: grey };
  return { ...base, text: conflicts === 0 ? '' : short(conflicts), color: amber };
}

async function show({ text, color, icon, title }: Badge): Promise<void> {
  const path = { 16: `icons/${icon}-16.png`, 32: `icons/${icon}-32.png` };
  await Promise.all([
    chrome.action.setBadgeText({ text }),
    chrome.action.setBadgeBackgroundColor({ color }),
    chrome.action.setBadgeTextColor({ color: '#ffffff' }),
    chrome.action.setIcon({ path }),
    chrome.action.setTitle({ title }),
  ]);
}

/** A badge has room for four characters. */
const short = (number: number): string => (number > 999 ? '999+' : String(number));
