/**
 * The promises of `HintChannel` (src/server/fanout/hint-channel.ts), run on every implementation.
 *
 * HNT-1   Once it works, every node hears what one of them commits: the head, of every user, in however many messages.
 * HNT-2   Every node hears which sessions ended, exactly as they were told.
 * HNT-3   A node takes no hint of its own, but hears it: that is how it knows the lag.
 * HNT-4   What was told before the end of a node is sent before it ends.
 * HNT-5   A channel that is begun anew works again, and the node says that it may have missed something.
 */
import { afterEach, expect, it } from 'vitest';
import type { HintChannel } from '../../src/server/fanout/hint-channel.ts';
import { eventually } from '../support/eventually.ts';
import { type HintNode, newSessionId, newUserId, startHintNode, untilAcquainted } from '../support/node-hints.ts';

/** @param open a further node's channel to the same place. */
export function hintChannelContract(open: () => HintChannel): void {
  const nodes: HintNode[] = [];
  const start = async (count: number): Promise<readonly HintNode[]> => {
    nodes.push(...Array.from({ length: count }, () => startHintNode(open())));
    await untilAcquainted(...nodes);
    return [...nodes];
  };
  afterEach(async () => {
    for (const { hints } of nodes.splice(0)) await hints.stop();
  });

  it('[HNT-1] every node hears how far the logs of 3,000 users have come', async () => {
    const [a, ...others] = await start(3);
    const wanted = new Map(Array.from({ length: 3_000 }, (_, n) => [newUserId(), n + 1]));
    for (const [userId, head] of wanted) a?.commit(userId, head);
    for (const { heads } of others) {
      await eventually(() => heads.size >= wanted.size, 'all of them');
      expect(heads).toEqual(wanted);
    }
  });

  it('[HNT-2] every node hears which sessions and devices ended', async () => {
    const [a, b] = await start(2);
    const [userId, sessionId] = [newUserId(), newSessionId()];
    const ended = [{ userId }, { userId, sessionId }, { userId, sessionId: newSessionId() }];
    for (const one of ended) a?.hints.tellEnded(one);
    await eventually(() => b?.ended.length === ended.length, 'all of them');
    expect(b?.ended).toEqual(ended);
  });

  it('[HNT-3] a node takes no hint of its own, and learns the lag from it', async () => {
    const [a, b] = await start(2);
    const userId = newUserId();
    a?.commit(userId, 7);
    a?.hints.tellEnded({ userId });
    await eventually(() => b?.heads.get(userId) === 7 && (a?.counted.lagsMs.length ?? 0) >= 2, 'both messages');
    expect(a?.heads.size).toBe(0);
    expect(a?.ended).toEqual([]);
    expect(a?.counted.received).toBe(0);
    expect(b?.counted.received).toBe(2);
  });

  it('[HNT-4] what was told at the last moment is sent', async () => {
    const [a, b] = await start(2);
    const userId = newUserId();
    a?.commit(userId, 3);
    a?.hints.tellEnded({ userId });
    await a?.hints.stop();
    await eventually(() => b?.heads.get(userId) === 3 && b.ended.length === 1, 'the last words');
  });

  it('[HNT-5] begun anew it works again', async () => {
    const channel = open();
    const a = startHintNode(channel);
    nodes.push(a);
    const [, b] = await start(1);
    const before = a.gaps;
    channel.restart();
    await eventually(() => channel.kind === 'redis' || a.gaps > before, 'a gap that was told');
    const userId = newUserId();
    // Sent until it is heard: what falls into the gap is lost.
    await eventually(() => {
      b?.commit(userId, 5);
      return a.heads.get(userId) === 5;
    }, 'a hint after the gap');
    await eventually(() => a.hints.isWorking, 'probes that come back');
  });
}
