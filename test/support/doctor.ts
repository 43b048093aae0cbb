/** `aibrain doctor` in this process. */
import { loadConfig } from '../../src/server/config.ts';
import { createDoctorDeps } from '../../src/server/construct/doctor-deps.ts';
import { type DoctorDeps, examine, toFindings } from '../../src/server/doctor/doctor.ts';
import type { Finding } from '../../src/server/doctor/finding.ts';

export type DoctorEnv = Readonly<Record<string, string>>;

/** @param changed in place of what the settings name. */
export async function diagnose(env: DoctorEnv, changed: Partial<DoctorDeps> = {}): Promise<readonly Finding[]> {
  // A free port, unless the test is about it.
  const config = loadConfig({ PORT: '0', ...env });
  const findings = config.ok
    ? examine({ ...(await createDoctorDeps(config.value)), ...changed }, config.value)
    : toFindings(config.error);
  return gather(findings);
}

export async function gather(findings: AsyncIterable<Finding>): Promise<readonly Finding[]> {
  const all: Finding[] = [];
  for await (const finding of findings) all.push(finding);
  return all;
}

/** Those of one check that are not ok, as `state: message`; each says what to do. Not how fast this machine is. */
export function complaints(findings: readonly Finding[], check?: string): readonly string[] {
  const bad = findings.filter(
    (finding) =>
      finding.state !== 'ok' && (check === undefined ? !/a round trip takes/.test(finding.message) : finding.check === check),
  );
  for (const { message, fix } of bad) if (fix === undefined || fix === '') throw new Error(`no fix: ${message}`);
  return bad.map(({ state, message }) => `${state}: ${message}`);
}

export const messagesOf = (findings: readonly Finding[], check: string): readonly string[] =>
  findings.flatMap((finding) => (finding.check === check ? finding.message : []));
