/** The kit against our server, which it passes, and against servers that are broken, of which it catches each. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../conformance/check.ts';
import { checks } from '../../conformance/checks.ts';
import { type CheckResult, type RunOptions, runChecks } from '../../conformance/run-checks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startMutant } from './mutant-proxy.ts';
import { type Mutant, mutants } from './mutants.ts';

describe('the conformance kit', () => {
  let server: TestServer;
  /** What the server's clock is ahead, ms. */
  let aheadMs = 0;
  beforeAll(async () => {
    server = await startTestServer({ now: () => Date.now() + aheadMs });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const run = (chosen: readonly Check[], options: Partial<RunOptions> = {}): Promise<readonly CheckResult[]> =>
    runChecks(chosen, { url: server.url, forms: ['binary', 'text'], timeoutMs: 5_000, jobs: 4, ...options });

  /** Longer than a token lives. The users of a run are its own, so that only the tokens of this run are affected. */
  const expireTokens = async (): Promise<void> => {
    aheadMs += 16 * 60_000;
  };

  it('[house] our server passes every check, in both forms', { timeout: 240_000 }, async () => {
    const results = await run(checks.filter(({ isSlow, title }) => !isSlow && !title.includes(expiring)));
    expect(results.filter(({ status }) => status !== 'ok')).toEqual([]);
  });

  it.each(['binary', 'text'] as const)('[SYN-9] our server ends a socket whose token expires, in %s form', async (form) => {
    const results = await run(checksWith([expiring]), { forms: [form], expireTokens });
    expect(verdicts(results)).toMatchObject([{ status: 'ok' }]);
  });

  const isExpiring = ({ caughtBy }: Mutant): boolean => caughtBy.includes(expiring);

  it('[house] no check passes without an answer, but for those that need no socket', async () => {
    await using silent = await startMutant(server.url, { sockets: () => () => ({ fromServer: () => [] }) });
    const chosen = checks.filter(({ isSlow }) => !isSlow);
    const results = await run(chosen, { url: silent.url, forms: ['binary', 'text'], timeoutMs: 400, jobs: 32 });
    const passed = results.filter(({ status }) => status === 'ok').map(({ title, form }) => ({ title, form }));
    expect(passed.filter(({ form }) => form !== 'none')).toEqual([]);
    expect(passed.filter(({ title }) => !title.includes('over HTTP') && !title.includes('cursors that are garbage'))).toEqual([]);
  });

  // Side by side: what a broken server never says costs a time-out, and little else.
  it.concurrent.each(mutants.filter((mutant) => !isExpiring(mutant)))('[house] a server that $name is caught', (mutant) =>
    expectCaught(mutant, 2),
  );

  // By itself: it moves the clock of everybody.
  it.each(mutants.filter(isExpiring))('[house] a server that $name is caught', (mutant) => expectCaught(mutant, 1));

  async function expectCaught(mutant: Mutant, jobs: number): Promise<void> {
    await using broken = await startMutant(server.url, mutant.mutation);
    const chosen = checksWith([...mutant.passes, ...mutant.caughtBy]);
    const forms = mutant.form === 'both' ? (['binary', 'text'] as const) : [mutant.form];
    const results = await run(chosen, { url: broken.url, forms, timeoutMs: 3_000, jobs, expireTokens });
    expect(verdicts(results)).toEqual(expected(mutant, results));
    const broke = new Set(results.filter(({ status }) => status === 'failed').flatMap(({ rules }) => rules));
    expect(mutant.rules.filter((rule) => !broke.has(rule))).toEqual([]);
  }
});

const expiring = 'a token that expires closes';

/** Each part of a title has to name exactly one check. */
function checksWith(parts: readonly string[]): readonly Check[] {
  return parts.map((part) => {
    const [check, ...others] = checks.filter(({ title }) => title.includes(part));
    if (check === undefined || others.length > 0)
      throw new Error(`${part} names ${others.length + Number(check !== undefined)} checks`);
    return check;
  });
}

const verdicts = (results: readonly CheckResult[]) =>
  results.map(({ title, form, status, reason }) => ({ title, form, status, reason }));

/** The same results with the verdicts that they should have. */
function expected({ caughtBy }: Mutant, results: readonly CheckResult[]) {
  return verdicts(results).map((result) => {
    const isCaught = caughtBy.some((part) => result.title.includes(part));
    return { ...result, status: isCaught ? 'failed' : 'ok' };
  });
}
