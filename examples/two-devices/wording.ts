/** Values, writes, clocks and verdicts in words. */
import { compareHlc, type Hlc } from '../../src/core/clock.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { Write } from '../../src/core/register.ts';
import { tagOf } from '../../src/core/register.ts';
import { beside, columns, quote, wrap } from './terminal.ts';
import type { Side, Verdict } from './verdicts.ts';

const valueWidth = 66;
/** Of the columns, less what stands before it. */
const reasonWidth = columns - 6;

export function describeWrite({ register, value }: Write): string {
  const tag = tagOf(register);
  if (tag !== null) return value === true ? `adds the tag ${tag}` : `removes the tag ${tag}`;
  if (register === 'deleted') return value === true ? 'deletes it' : 'restores it';
  return `${register} ${describeValue(value)}`;
}

function describeValue(value: Write['value']): string {
  return typeof value === 'string' && value.includes(' ') ? quote(value, valueWidth) : String(value);
}

/** A register's value with no register's name before it. */
export function describeRegister(register: string, value: Write['value']): string {
  if (register !== 'deleted') return describeValue(value);
  return value === true ? 'deleted' : 'not deleted';
}

export function describeMemory(memory: Memory | null): string {
  if (memory === null) return 'not there';
  return memory.deleted ? 'deleted' : quote(memory.content, valueWidth);
}

/** `3 h behind`, `2 d ahead`: to the minute. @param aheadMs of a device's clock. */
export function describeSkew(aheadMs: number): string {
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  if (minutes === 0) return 'right';
  const parts = [
    [Math.floor(minutes / 1_440), 'd'],
    [Math.floor(minutes / 60) % 24, 'h'],
    [minutes % 60, 'min'],
  ].filter(([count]) => count !== 0);
  return `${parts.map((part) => part.join(' ')).join(' ')} ${aheadMs < 0 ? 'behind' : 'ahead'}`;
}

/** `2026-03-01 12:00:00.000`, UTC. */
function describeStamp({ ms, count }: Hlc): string {
  const time = new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
  return count === 0 ? time : `${time} +${count}`;
}

/** Said once, above the verdicts. */
export const stampLegend = [
  'Stamps are UTC; +n counts those of one millisecond. What a device stamps more than 60 s ahead of',
  'the server is clamped to that.',
];

/** What came of it, in one line. */
export function describeOutcome({ reason, winner, loser }: Verdict): string {
  switch (reason) {
    case 'seen':
      return `the ${winner.by} wins; no conflict`;
    case 'equal':
      return 'both wrote it; no conflict';
    case 'stamp':
      return `the ${winner.by} wins; the ${loser.by}'s value is kept as a conflict`;
    case 'delete':
      return `the ${winner.by}'s delete wins; the ${loser.by}'s edit is kept under it, as a conflict`;
  }
}

/** Why, and the two stamps where they decided or could have been expected to. */
export function describeReason(verdict: Verdict): string[] {
  const { reason, winner, loser } = verdict;
  if (reason === 'equal') return ['Concurrent, but both wrote the same: nothing is lost.'];
  return [...wrap(reasonInWords(verdict), reasonWidth), ...[winner, loser].map(describeSide)];
}

function reasonInWords({ reason, winner, loser }: Verdict): string {
  const isSmaller = compareHlc(winner.stamp, loser.stamp) < 0;
  if (reason === 'seen') {
    const against = isSmaller ? ' That its stamp is smaller does not count.' : '';
    return `Not concurrent: the ${winner.by} had seen the ${loser.by}'s write when it made its own.${against}`;
  }
  const concurrent = "Concurrent: neither had seen the other's write.";
  if (reason === 'delete') return `${concurrent} A delete hides the memory whatever the stamps say.`;
  return `${concurrent} The greater stamp wins${winner.seq < loser.seq ? ', although the other came in later' : ''}.`;
}

function describeSide({ by, seq, stamp, ownStamp }: Side): string {
  const isClamped = compareHlc(stamp, ownStamp) !== 0;
  const own = isClamped ? `clamped from ${describeStamp(ownStamp)}` : 'as its clock said';
  return beside(by, `seq ${seq}   ${describeStamp(stamp).padEnd(27)} ${own}`);
}
