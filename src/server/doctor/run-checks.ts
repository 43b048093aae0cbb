/** Runs checks one after the other, each within its time; no secret of the configuration is in what they say. */
import { type Check, type Finding, fail } from './finding.ts';

/** @param secrets texts that must not be shown. */
export async function* runChecks(checks: readonly Check[], secrets: readonly string[]): AsyncGenerator<Finding> {
  for (const check of checks) {
    for (const finding of await runInTime(check)) yield redacted(finding, secrets);
  }
}

async function runInTime({ name, boundMs, run }: Check): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    const message = `no answer within ${boundMs / 1_000} s`;
    const fix = 'see whether what is asked is up, and whether a firewall drops packets on the way';
    timer = setTimeout(() => resolve([fail(name, message, fix)]), boundMs);
  });
  try {
    return await Promise.race([late, run()]);
  } catch (error) {
    return [fail(name, messageOf(error), 'the message says what went wrong; if it does not help, report it as a bug')];
  } finally {
    clearTimeout(timer);
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function redacted(finding: Finding, secrets: readonly string[]): Finding {
  // A word that short would be found everywhere, and is no secret either.
  const hide = (text: string): string =>
    secrets.filter((secret) => secret.length >= 4).reduce((shown, secret) => shown.replaceAll(secret, '[redacted]'), text);
  const { fix } = finding;
  return { ...finding, message: hide(finding.message), ...(fix !== undefined && { fix: hide(fix) }) };
}
