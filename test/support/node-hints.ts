/** Two nodes of one process on a channel each: what the suites of hints share. */
import { randomUUID } from 'node:crypto';
import type { SessionId, UserId } from '../../src/core/ids.ts';
import type { HintChannel } from '../../src/server/fanout/hint-channel.ts';
import type { Ended } from '../../src/server/fanout/hint-message.ts';
import { type NodeHints, startNodeHints } from '../../src/server/fanout/node-hints.ts';
import { eventually } from './eventually.ts';

export interface HintNode {
  readonly hints: NodeHints;
  readonly heads: Map<UserId, number>;
  readonly ended: Ended[];
  readonly counted: { sent: number; received: number; readonly lagsMs: number[] };
  gaps: number;
  commit(userId: UserId, head: number): void;
}

export const newUserId = (): UserId => randomUUID() as UserId;
export const newSessionId = (): SessionId => randomUUID() as SessionId;

export function startHintNode(channel: HintChannel, probeMs = 200): HintNode {
  let tell = (_userId: UserId, _head: number): void => undefined;
  const heads = new Map<UserId, number>();
  const ended: Ended[] = [];
  const counted = { sent: 0, received: 0, lagsMs: [] as number[] };
  const counts = { gaps: 0 };
  const hints = startNodeHints(
    {
      channel,
      hub: {
        onCommit: (told) => {
          tell = told;
          return () => undefined;
        },
        hint: (userId, head) => void heads.set(userId, head),
      },
      node: randomUUID(),
      stopwatch: () => performance.now(),
      onEnded: (one) => ended.push(one),
      onGap: () => counts.gaps++,
      metrics: {
        hintsSent: (count) => (counted.sent += count),
        hintsReceived: (count) => (counted.received += count),
        hintLag: (ms) => counted.lagsMs.push(ms),
      },
    },
    { gatherMs: 1, probeMs },
  );
  return {
    hints,
    heads,
    ended,
    counted,
    get gaps() {
      return counts.gaps;
    },
    commit: (userId, head) => tell(userId, head),
  };
}

/** Both hear themselves and know of each other. */
export async function untilAcquainted(...nodes: readonly { readonly hints: NodeHints }[]): Promise<void> {
  await eventually(
    () => nodes.every(({ hints }) => hints.isWorking && hints.peers >= nodes.length - 1),
    'nodes that hear of each other',
  );
}
