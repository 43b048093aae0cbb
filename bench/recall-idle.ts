/** Waits until words and vectors have come as far as the log: what is made behind the log is not what is measured next. */
import { setTimeout as sleep } from 'node:timers/promises';

const askEveryMs = 100;
/** Not before: a user is counted as soon as a worker has heard of the write. */
const settleMs = 500;

/** @throws Error when it takes longer than `limitMs`, or the server does not tell. */
export async function untilRecallIdle(url: string, limitMs = 600_000): Promise<void> {
  const until = performance.now() + limitMs;
  await sleep(settleMs);
  while ((await usersBehind(url)) > 0) {
    if (performance.now() > until) throw new Error(`words and vectors are behind the log after ${limitMs} ms`);
    await sleep(askEveryMs);
  }
}

async function usersBehind(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const users = /^aibrain_recall_users_behind (\d+)/m.exec(text)?.[1];
  if (users === undefined) throw new Error('/metrics says nothing of aibrain_recall_users_behind');
  return Number(users);
}
