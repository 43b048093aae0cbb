/** How states and values read to a person. */
import type { MemoryType, RegisterName, RegisterValue, Status, StuckReason } from '../../src/client/index.ts';

export const typeNames: Readonly<Record<MemoryType, string>> = {
  preference: 'Preference',
  fact: 'Fact',
  task: 'Task',
  project: 'Project',
  meta: 'Assistant',
};

export interface StatusWords {
  /** Colours the dot. */
  readonly tone: 'good' | 'busy' | 'away' | 'bad';
  readonly text: string;
  /** What is wrong, where that takes more than the text. */
  readonly detail: string | null;
}

export function statusToWords({ state, outbox, behind, stuck }: Status): StatusWords {
  const waiting = outbox === 0 ? '' : ` · ${count(outbox, 'change')} ${outbox === 1 ? 'waits' : 'wait'}`;
  const detail = stuck === null ? null : detailOf(stuck);
  if (state === 'live') return { tone: 'good', text: outbox === 0 ? 'In step' : `Sending${waiting}`, detail: null };
  if (state === 'syncing')
    return { tone: 'busy', text: behind ? `${count(behind, 'event')} to come` : `In a moment${waiting}`, detail };
  if (state === 'parked') return { tone: 'bad', text: `Stopped${waiting}`, detail };
  const isAway = state === 'offline' || stuck !== null;
  return isAway
    ? { tone: 'away', text: `Offline${waiting}`, detail }
    : { tone: 'busy', text: `Connecting${waiting}`, detail: null };
}

const detailByReason: Readonly<Record<StuckReason, string>> = {
  offline: 'This computer has no network. Everything works; it is sent later.',
  unreachable: 'The server cannot be reached. Everything works; it is sent later.',
  no_progress: 'The server takes nothing in. It is tried again by itself.',
  unauthorized: 'Log in again to send what waits. Nothing is lost.',
  device_revoked: 'Somebody with this account ended the access of this device. Log in again to go on.',
  begins_again: 'The server goes on from an earlier state. What it lost is offered to it again.',
  too_many_resets: 'The server told this device to begin anew too often.',
  storage_full: 'This computer has no room left, so nothing new can be kept.',
  storage_lost: 'What was kept here is gone. Close and open this window.',
  unsupported_protocol: 'The server speaks another version. One of the two needs an update.',
  server_error: 'The server has a fault. It is tried again by itself.',
};

const detailOf = ({ reason, until }: NonNullable<Status['stuck']>): string => {
  const again = until === null ? '' : ` Next attempt ${relativeTime(until, Date.now())}.`;
  return `${detailByReason[reason]}${again}`;
};

/** `Content`, `Tag “tea”` */
export function registerToWords(register: RegisterName): string {
  if (register.startsWith('tags/')) return `Tag “${register.slice(5)}”`;
  return register === 'deleted' ? 'Deleted or not' : `${register.charAt(0).toUpperCase()}${register.slice(1)}`;
}

export function valueToWords(register: RegisterName, value: RegisterValue): string {
  if (register.startsWith('tags/')) return value === true ? 'with this tag' : 'without this tag';
  if (register === 'deleted') return value === true ? 'deleted' : 'kept';
  if (register === 'type' && typeof value === 'string') return typeNames[value as MemoryType] ?? value;
  if (register === 'confidence' && typeof value === 'number') return `${Math.round(value * 100)} %`;
  if (value === null || value === '') return 'nothing';
  return typeof value === 'object' ? [value.title, value.url].filter(Boolean).join(', ') : String(value);
}

const units = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** `now`, `5 min. ago`, `yesterday`, `in 2 min.` */
export function relativeTime(atMs: number, nowMs: number): string {
  const difference = atMs - nowMs;
  for (const [unit, ms] of units) if (Math.abs(difference) >= ms) return relative.format(Math.trunc(difference / ms), unit);
  return difference > 0 ? 'in a moment' : 'now';
}

/** `1 change`, `2 changes` */
export function count(number: number, thing: string): string {
  return `${number.toLocaleString('en')} ${thing}${number === 1 ? '' : 's'}`;
}
