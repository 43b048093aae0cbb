/** Runs checks against a server and tells what became of each. */
import type { Check, CheckContext } from './check.ts';
import { CheckSkipped } from './check.ts';
import { within } from './deadline.ts';
import { Device } from './device.ts';
import { CheckFailure, expectSome } from './expect.ts';
import type { FrameForm } from './frame-io.ts';
import { createHttpClient, type HttpClient } from './http-client.ts';
import { Peer } from './peer.ts';
import { createUsers, type KitUser, type Users } from './users.ts';

export interface RunOptions {
  /** Of the server, without `/api/v1`. */
  readonly url: string;
  readonly forms: readonly FrameForm[];
  /** How long the server may take for one answer, ms. */
  readonly timeoutMs: number;
  /** Checks under way at once. */
  readonly jobs: number;
  /** Moves the server's clock on, where that can be done: tokens live for minutes. */
  readonly expireTokens?: () => Promise<void>;
  readonly onWait?: (seconds: number) => void;
}

export interface CheckResult {
  readonly title: string;
  readonly rules: readonly string[];
  readonly form: FrameForm | 'none';
  readonly status: 'ok' | 'failed' | 'skipped';
  /** What was expected and what came; or why it was skipped. */
  readonly reason?: string;
}

/** A check of many waits ends all the same: after so many times the time-out of one. */
const waitsInCheck = 12;

/** @param onResult is told in the order of the checks. */
export async function runChecks(
  checks: readonly Check[],
  options: RunOptions,
  onResult: (result: CheckResult) => void = () => undefined,
): Promise<readonly CheckResult[]> {
  const http = createHttpClient(options.url, options.timeoutMs);
  const users = createUsers(http, { onWait: options.onWait ?? (() => undefined) });
  const tasks = checks.flatMap((check) => formsOf(check, options.forms).map((form) => ({ check, form })));
  const results: CheckResult[] = [];
  let [next, told] = [0, 0];
  const work = async (): Promise<void> => {
    for (let task = tasks[next]; task !== undefined; task = tasks[next]) {
      const place = next++;
      results[place] = await runCheck(task.check, task.form, { options, http, users });
      for (let result = results[told]; result !== undefined; result = results[told]) {
        told++;
        onResult(result);
      }
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return results;
}

function formsOf({ form }: Check, forms: readonly FrameForm[]): readonly CheckResult['form'][] {
  if (form === 'each') return forms;
  return form === 'none' || forms.includes(form) ? [form] : [];
}

/** A failure of the server in its own words; one of the kit with the place where it happened. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof CheckFailure ? error.message : (error.stack ?? error.message);
}

interface Bench {
  readonly options: RunOptions;
  readonly http: HttpClient;
  readonly users: Users;
}

async function runCheck(check: Check, form: CheckResult['form'], bench: Bench): Promise<CheckResult> {
  const { title, rules } = check;
  const { context, end } = createContext(form === 'none' ? 'binary' : form, bench);
  try {
    const run = check.run(context);
    await (check.isSlow ? run : within(waitsInCheck * bench.options.timeoutMs, 'the check to end', run));
    return { title, rules, form, status: 'ok' };
  } catch (error) {
    if (error instanceof CheckSkipped) return { title, rules, form, status: 'skipped', reason: error.message };
    return { title, rules, form, status: 'failed', reason: reasonOf(error) };
  } finally {
    end();
  }
}

function createContext(form: FrameForm, { options, http, users }: Bench): { context: CheckContext; end: () => void } {
  const peers: Peer[] = [];
  const borrowed: KitUser[] = [];
  const lend = (user: KitUser): KitUser => {
    borrowed.push(user);
    return user;
  };
  const open: CheckContext['open'] = async (more = {}) => {
    const peer = new Peer({ url: options.url, form, timeoutMs: options.timeoutMs, ...more });
    peers.push(peer);
    return await peer.open();
  };
  const context: CheckContext = {
    url: options.url,
    form,
    timeoutMs: options.timeoutMs,
    expireTokens: options.expireTokens ?? null,
    http,
    open,
    user: async () => lend(await users.borrow()),
    newUser: async () => lend(await users.register()),
    login: (user) => users.login(user),
    async refresh(user) {
      const renewed = await users.refresh(user);
      if (borrowed.includes(user)) borrowed.splice(borrowed.indexOf(user), 1, renewed);
      return renewed;
    },
    device: (user, { form: own = form, ...more } = {}) =>
      new Device({ token: user.token, ...more, open: () => open({ form: own }) }),
    async join(user, more) {
      const device = context.device(user, more);
      device.cursor = await context.head(user);
      await device.connect();
      return await device.catchUp();
    },
    async reader(user, more) {
      const device = context.device(user, more);
      await device.connect();
      return await device.catchUp();
    },
    async head({ token }) {
      const updates = await http.expect<{ head: number }>(200, 'GET', '/memories/sync/updates?limit=1', { token });
      return expectSome('a head', updates.head);
    },
  };
  const end = (): void => {
    for (const peer of peers) peer.cut();
    for (const user of borrowed) users.giveBack(user);
  };
  return { context, end };
}
