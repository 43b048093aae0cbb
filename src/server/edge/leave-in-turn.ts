/** Sockets of a server that is going down: told one after the other, so that the others are not asked by all of them at once. */
import { setTimeout as wait } from 'node:timers/promises';
import type { SyncConnection } from './ws-connection.ts';

export interface LeaveOptions {
  /** From the first socket to the last, at most, ms. */
  readonly withinMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Between two sockets, where there is time, ms: 200 devices that come back in a second are no load. */
const paceMs = 5;
/** Beyond its turn each waits up to this before it comes back, ms. */
export const comeBackWithinMs = 1_000;

/** Resolves when all are closed, whatever they had under way being answered. */
export async function leaveInTurn(connections: ReadonlySet<SyncConnection>, { withinMs, random }: LeaveOptions): Promise<void> {
  const startedAt = performance.now();
  const all = [...connections];
  const stepMs = Math.min(paceMs, withinMs / Math.max(1, all.length));
  const left: Promise<void>[] = [];
  for (const [place, connection] of all.entries()) {
    const aheadMs = startedAt + place * stepMs - performance.now();
    if (aheadMs > 1) await wait(aheadMs);
    left.push(connection.leave(Math.round(random() * comeBackWithinMs)));
  }
  await Promise.all(left);
}
