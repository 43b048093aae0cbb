/** What a node makes of a channel that works, half works, and lies. The channel is a list of who listens. */
import { afterEach, describe, expect, it } from 'vitest';
import { type ChannelMessage, type HintChannel, noHintChannel } from '../../../src/server/fanout/hint-channel.ts';
import { eventually } from '../../support/eventually.ts';
import { type HintNode, newUserId, startHintNode, untilAcquainted } from '../../support/node-hints.ts';

describe('hints between nodes', () => {
  const nodes: HintNode[] = [];
  afterEach(async () => {
    for (const { hints } of nodes.splice(0)) await hints.stop();
  });
  const start = (channel: HintChannel): HintNode => {
    const node = startHintNode(channel, 80);
    nodes.push(node);
    return node;
  };

  it('[SYN-7] a node that has heard of no other tells of no commit', async () => {
    const air = createAir();
    const a = start(air.channel());
    await eventually(() => a.hints.isWorking, 'that it hears itself');
    a.commit(newUserId(), 1);
    const b = start(air.channel());
    await untilAcquainted(a, b);
    const userId = newUserId();
    a.commit(userId, 2);
    await eventually(() => b.heads.get(userId) === 2, 'the hint');
    expect(a.counted.sent).toBe(1);
  });

  it('[SYN-7] many commits of one user are one hint, with the newest head', async () => {
    const air = createAir();
    const [a, b] = [start(air.channel()), start(air.channel())];
    await untilAcquainted(a, b);
    const userId = newUserId();
    for (let head = 1; head <= 500; head++) a.commit(userId, head);
    await eventually(() => b.heads.get(userId) === 500, 'the hint');
    expect(a.counted.sent).toBe(1);
  });

  it('[SYN-7] while one batch is on its way the next one gathers: a slow channel gets fewer, larger messages', async () => {
    const air = createAir();
    const [a, b] = [start(air.channel()), start(air.channel())];
    await untilAcquainted(a, b);
    air.hold();
    const [first, later] = [newUserId(), Array.from({ length: 20 }, newUserId)];
    a.commit(first, 1);
    await eventually(() => a.counted.sent === 1, 'the first batch');
    for (const userId of later) a.commit(userId, 1);
    air.letGo();
    await eventually(() => b.heads.size === 21, 'all of them');
    expect(air.sentBatches.filter((batch) => batch.some(({ text }) => text.includes('|h|')))).toHaveLength(2);
  });

  it('[SYN-10] a channel that takes everything and delivers nothing is found out, and begun anew', async () => {
    const air = createAir();
    const channel = air.channel();
    const a = start(channel);
    await eventually(() => a.hints.isWorking, 'that it hears itself');
    const gaps = a.gaps;
    air.goDeaf();
    await eventually(() => !a.hints.isWorking, 'that it is found out');
    expect(a.gaps).toBe(gaps + 1);
    await eventually(() => air.restarts > 0, 'a new beginning');
    air.hear();
    await eventually(() => a.hints.isWorking, 'that it works again');
    expect(a.gaps).toBe(gaps + 2);
  });

  it('[SYN-10] one shard of several that delivers nothing is found out, too', async () => {
    const air = createAir();
    const a = start(air.channel());
    await eventually(() => a.hints.isWorking, 'that it hears itself');
    air.goDeaf(2);
    await eventually(() => !a.hints.isWorking, 'that it is found out');
  });

  it('[SYN-10] a node that appears is a reason to read the heads, and one that is silent is forgotten', async () => {
    const air = createAir();
    const a = start(air.channel());
    await eventually(() => a.hints.isWorking, 'that it hears itself');
    const gaps = a.gaps;
    const b = start(air.channel());
    await untilAcquainted(a, b);
    expect(a.gaps).toBe(gaps + 1);
    await b.hints.stop();
    await eventually(() => a.hints.peers === 0, 'that it is forgotten');
  });

  it('[house] where one process is all there is, nothing runs', async () => {
    const { hints } = start(noHintChannel);
    expect(hints).toMatchObject({ kind: 'none', isWorking: false, peers: 0 });
  });
});

/** A channel of four shards within this process that can be broken. */
function createAir() {
  const listeners = new Set<(text: string) => void>();
  const sentBatches: (readonly ChannelMessage[])[] = [];
  let deaf: number | 'all' | null = null;
  let held: Promise<void> = Promise.resolve();
  let letGo = (): void => undefined;
  const counts = { restarts: 0 };
  const channel = (): HintChannel => {
    let own: ((text: string) => void) | undefined;
    return {
      kind: 'redis',
      shards: 4,
      maxMessageBytes: 2_000,
      open(heard) {
        own = heard;
        listeners.add(heard);
      },
      async send(messages) {
        sentBatches.push(messages);
        await held;
        for (const { shard, text } of messages)
          for (const heard of deaf === 'all' || deaf === shard ? [] : [...listeners]) heard(text);
      },
      restart: () => counts.restarts++,
      close: async () => void (own !== undefined && listeners.delete(own)),
    };
  };
  return {
    channel,
    sentBatches,
    get restarts() {
      return counts.restarts;
    },
    goDeaf: (shard: number | 'all' = 'all') => {
      deaf = shard;
    },
    hear: () => {
      deaf = null;
    },
    hold: () => {
      held = new Promise((resolve) => {
        letGo = resolve;
      });
    },
    letGo: () => letGo(),
  };
}
