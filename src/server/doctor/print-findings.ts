/** Findings for people, a line each with its fix below, or as JSON for programs. */
import type { Finding } from './finding.ts';

const labels = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

/** @returns the exit code: 1 when anything fails. */
export async function printFindings(
  findings: AsyncIterable<Finding>,
  { asJson, say }: { readonly asJson: boolean; readonly say: (text: string) => void },
): Promise<number> {
  const all: Finding[] = [];
  for await (const finding of findings) {
    all.push(finding);
    // At once: the next one may take its time.
    if (!asJson) say(toLines(finding));
  }
  const count = (state: Finding['state']): number => all.filter((finding) => finding.state === state).length;
  if (asJson) say(JSON.stringify({ ok: count('fail') === 0, findings: all }, null, 2));
  else say(`\n${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`);
  return count('fail') === 0 ? 0 : 1;
}

function toLines({ check, state, message, fix }: Finding): string {
  const line = `${labels[state]}  ${check.padEnd(14)} ${message}`;
  return fix === undefined ? line : `${line}\n      ${' '.repeat(14)} → ${fix}`;
}
