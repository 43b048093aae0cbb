/** What a soak found: for the file, for people, and for the exit code. */
import type { CommandResult } from '../aibrain-command.ts';
import type { Machine } from '../machine.ts';
import type { Fault } from './faults.ts';
import type { ObservationReport } from './observations.ts';
import type { SoakOptions } from './options.ts';
import type { PlayerVerdict } from './player.ts';
import type { RssReport } from './rss-report.ts';

export interface SoakResult {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly machine: Machine;
  readonly options: SoakOptions;
  readonly faults: readonly Fault[];
  readonly writes: { readonly acked: number; readonly unknown: number; readonly deletes: number; readonly byDevices: number };
  readonly sessions: { readonly refreshes: number; readonly logins: number };
  readonly verdict: PlayerVerdict;
  readonly verify: CommandResult;
  readonly rebuild: CommandResult;
  readonly rss: readonly RssReport[];
  readonly observations: ObservationReport;
}

/** Each promise, and what broke it. */
export function failuresOf({
  verdict,
  verify,
  rebuild,
  rss,
  observations,
}: SoakResult): Readonly<Record<string, readonly string[]>> {
  const said = ({ code, output }: CommandResult): readonly string[] => (code === 0 ? [] : [output.slice(-500)]);
  return {
    'no acked write is lost': verdict.lost,
    'none is there twice': verdict.doubled,
    'nothing is there that nobody wrote, and no gap': verdict.strange,
    'devices and server hold the same': verdict.diverged,
    'every chain verifies (aibrain verify)': said(verify),
    'rebuilding gives the same rows (aibrain rebuild)': said(rebuild),
    'no server ended by itself': rss.filter(({ overall }) => overall.endedByItself).map(({ node }) => node),
    'no error while nothing was down': observations.unexpected,
    'promises to callers': observations.violations,
  };
}

const shown = 5;

export function formatResult(result: SoakResult): string {
  const { writes, sessions, faults, verdict, rss, observations } = result;
  const promises = Object.entries(failuresOf(result)).flatMap(([promise, broken]) => [
    `${broken.length === 0 ? 'ok    ' : 'BROKEN'}  ${promise}${broken.length === 0 ? '' : ` (${broken.length})`}`,
    ...broken.slice(0, shown).map((what) => `          ${what}`),
  ]);
  const resident = rss.flatMap(({ node, lives, overall }) =>
    [
      ...lives.map((life, index) => ({ name: `${node}, process ${index + 1}`, life })),
      { name: `${node}, all`, life: overall },
    ].map(
      ({ name, life }) =>
        `${name.padEnd(24)} ${life.minMegabytes}–${life.maxMegabytes} MB, ${life.seconds} s, ${life.samples} samples, slope ${life.slope ?? '–'} MB/min`,
    ),
  );
  return [
    `events      ${verdict.events}; acked ${writes.acked} (${writes.byDevices} by devices), outcome unknown ${writes.unknown}, deletes ${writes.deletes}`,
    `sessions    ${sessions.refreshes} refreshes, ${sessions.logins} logins`,
    `kills       ${faults.length}: ${faults.map(({ what, atSeconds, readyMs }) => `${what} at ${atSeconds} s (ready after ${readyMs} ms)`).join(', ')}`,
    `answers     ${formatCounts(observations.answers)}`,
    `close codes ${formatCounts(observations.closeCodes)}`,
    '',
    ...resident,
    '',
    ...promises,
  ].join('\n');
}

function formatCounts(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, count]) => `${name}: ${count}`).join(' · ');
}
