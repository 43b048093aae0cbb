/**
 * Tells other nodes how far a log has come and which sessions ended, and hears the same of them (SYN-7). What is committed waits a
 * moment for company and goes out in one piece; a commit waits for nothing. Everything here may be lost.
 *
 * Whether the channel works is found out by using it: a node hears its own messages too, so a probe on every shard that does not
 * come back in time says that the others hear nothing either, whatever the connection claims. The same probes tell nodes of each
 * other, and a node that has heard of no other tells of no commit.
 */
import type { UserId } from '../../core/ids.ts';
import type { ChannelMessage, HintChannel } from './hint-channel.ts';
import { type Ended, type HintBody, hintBytes, readHint, writeHint } from './hint-message.ts';
import type { Hub } from './hub.ts';

export interface NodeHintsDeps {
  readonly channel: HintChannel;
  readonly hub: Pick<Hub, 'onCommit' | 'hint'>;
  /** A name that no other process has, without `|`. */
  readonly node: string;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
  /** Another node ended them. */
  readonly onEnded: (ended: Ended) => void;
  /** Hints may have been lost, or another node appeared: time to read the heads. */
  readonly onGap: () => void;
  readonly metrics: HintMetrics;
}

export interface HintMetrics {
  hintsSent(count: number): void;
  hintsReceived(count: number): void;
  /** From the oldest commit of a message until this node heard the message itself. */
  hintLag(ms: number): void;
}

export interface NodeHintsOptions {
  /** How long a hint waits for others. */
  readonly gatherMs: number;
  /** How often the channel is tried. */
  readonly probeMs: number;
}

export interface NodeHints {
  readonly kind: HintChannel['kind'];
  /** What this node sends arrives. */
  readonly isWorking: boolean;
  /** Other nodes that were heard of lately. */
  readonly peers: number;
  tellEnded(ended: Ended): void;
  /** What waits is sent first. */
  stop(): Promise<void>;
}

/** Users that wait to be told of; further ones are left to the polls. */
const maxPending = 50_000;
/** A node that was not heard for so many probes is gone. */
const probesUntilGone = 5;

export function startNodeHints(deps: NodeHintsDeps, options: NodeHintsOptions): NodeHints {
  return deps.channel.kind === 'none' ? alone : new RunningHints(deps, options);
}

const alone: NodeHints = {
  kind: 'none',
  isWorking: false,
  peers: 0,
  tellEnded: () => undefined,
  stop: async () => undefined,
};

class RunningHints implements NodeHints {
  readonly kind: HintChannel['kind'];
  readonly #deps: NodeHintsDeps;
  readonly #options: NodeHintsOptions;
  readonly #headByUser = new Map<UserId, number>();
  #ended: Ended[] = [];
  /** When the first of what waits was committed. */
  #oldest = 0;
  #gathering: NodeJS.Timeout | undefined;
  #sending: Promise<void> | null = null;
  readonly #heardAtByPeer = new Map<string, number>();
  #probing: NodeJS.Timeout | undefined;
  /** Shards whose last probe has not come back. */
  readonly #silent = new Set<number>();
  #isWorking = false;
  #silentSince: number;
  #isStopped = false;
  readonly #stopListening: () => void;

  constructor(deps: NodeHintsDeps, options: NodeHintsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.kind = deps.channel.kind;
    this.#silentSince = deps.stopwatch();
    this.#stopListening = deps.hub.onCommit((userId, head) => this.#onCommit(userId, head));
    deps.channel.open(
      (text) => this.#hear(text),
      () => this.#fail(),
    );
    this.#probe();
  }

  get isWorking(): boolean {
    return this.#isWorking;
  }

  get peers(): number {
    return this.#heardAtByPeer.size;
  }

  tellEnded(ended: Ended): void {
    if (this.#ended.length < maxPending) this.#ended.push(ended);
    this.#gather();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopListening();
    clearTimeout(this.#probing);
    clearTimeout(this.#gathering);
    await this.#sending;
    await this.#send();
    await this.#deps.channel.close();
  }

  #onCommit(userId: UserId, head: number): void {
    if (this.#heardAtByPeer.size === 0 || this.#headByUser.size >= maxPending) return;
    this.#headByUser.set(userId, Math.max(head, this.#headByUser.get(userId) ?? 0));
    this.#gather();
  }

  #gather(): void {
    if (this.#gathering !== undefined || this.#sending !== null || this.#isStopped) return;
    this.#oldest = this.#deps.stopwatch();
    this.#gathering = setTimeout(() => this.#flush(), this.#options.gatherMs).unref();
  }

  /** One batch at a time: when the channel is slow, what comes meanwhile is the next batch. */
  #flush(): void {
    this.#gathering = undefined;
    this.#sending = this.#send().finally(() => {
      this.#sending = null;
      if (this.#headByUser.size > 0 || this.#ended.length > 0) this.#gather();
    });
  }

  async #send(): Promise<void> {
    const [heads, ended] = [[...this.#headByUser], this.#ended];
    this.#headByUser.clear();
    this.#ended = [];
    if (heads.length === 0 && ended.length === 0) return;
    const { metrics, channel } = this.#deps;
    metrics.hintsSent(heads.length + ended.length);
    await channel.send([
      ...this.#messages(
        ended,
        hintBytes.ended,
        ({ userId }) => userId,
        (items) => ({ kind: 'ended', ended: items }),
      ),
      ...this.#messages(
        heads,
        hintBytes.head,
        ([userId]) => userId,
        (items) => ({ kind: 'heads', heads: items }),
      ),
    ]);
  }

  #messages<T>(
    items: readonly T[],
    itemBytes: number,
    userOf: (item: T) => UserId,
    toBody: (items: readonly T[]) => HintBody,
  ): readonly ChannelMessage[] {
    const { channel } = this.#deps;
    const most = Math.floor((channel.maxMessageBytes - hintBytes.frame) / itemBytes);
    const itemsByShard = new Map<number, T[]>();
    for (const item of items) {
      const shard = shardOf(userOf(item), channel.shards);
      const ofShard = itemsByShard.get(shard);
      if (ofShard === undefined) itemsByShard.set(shard, [item]);
      else ofShard.push(item);
    }
    return [...itemsByShard].flatMap(([shard, ofShard]) =>
      inPieces(ofShard, most).map((piece) => ({ shard, text: this.#write(this.#oldest, toBody(piece)) })),
    );
  }

  #write(stamp: number, body: HintBody): string {
    return writeHint({ node: this.#deps.node, stamp: Math.round(stamp * 100) / 100, body });
  }

  #hear(text: string): void {
    const message = readHint(text);
    if (message === null || this.#isStopped) return;
    const { node, stamp, body } = message;
    if (node === this.#deps.node) return this.#hearOwn(stamp, body);
    this.#meet(node);
    switch (body.kind) {
      case 'probe':
        return;
      case 'heads':
        this.#deps.metrics.hintsReceived(body.heads.length);
        for (const [userId, head] of body.heads) this.#deps.hub.hint(userId, head);
        return;
      case 'ended':
        this.#deps.metrics.hintsReceived(body.ended.length);
        for (const ended of body.ended) this.#deps.onEnded(ended);
    }
  }

  #hearOwn(stamp: number, body: HintBody): void {
    if (body.kind !== 'probe') return this.#deps.metrics.hintLag(Math.max(0, this.#deps.stopwatch() - stamp));
    this.#silent.delete(body.shard);
    if (this.#silent.size > 0 || this.#isWorking) return;
    this.#isWorking = true;
    this.#deps.onGap();
  }

  /** What it committed before it knew of us it told nobody: it is asked for, and learns of us at once. */
  #meet(node: string): void {
    const isNew = !this.#heardAtByPeer.has(node);
    this.#heardAtByPeer.set(node, this.#deps.stopwatch());
    if (!isNew) return;
    this.#deps.onGap();
    void this.#deps.channel.send([this.#probeOf(0)]);
  }

  #fail(): void {
    if (this.#isStopped) return;
    const wasWorking = this.#isWorking;
    if (wasWorking) this.#silentSince = this.#deps.stopwatch();
    this.#isWorking = false;
    this.#schedule();
    if (wasWorking) this.#deps.onGap();
  }

  #probe(): void {
    const { channel, stopwatch } = this.#deps;
    const { probeMs } = this.#options;
    if (this.#isWorking && this.#silent.size > 0) this.#fail();
    if (!this.#isWorking && stopwatch() - this.#silentSince > 2 * probeMs) {
      this.#silentSince = stopwatch();
      channel.restart();
    }
    for (const [node, heardAt] of this.#heardAtByPeer)
      if (stopwatch() - heardAt > probesUntilGone * probeMs) this.#heardAtByPeer.delete(node);
    const shards = Array.from({ length: channel.shards }, (_, shard) => shard);
    for (const shard of shards) this.#silent.add(shard);
    void channel.send(shards.map((shard) => this.#probeOf(shard)));
    this.#schedule();
  }

  #probeOf(shard: number): ChannelMessage {
    return { shard, text: this.#write(this.#deps.stopwatch(), { kind: 'probe', shard }) };
  }

  /** More often while it does not work. */
  #schedule(): void {
    clearTimeout(this.#probing);
    const { probeMs } = this.#options;
    this.#probing = setTimeout(() => this.#probe(), this.#isWorking ? probeMs : probeMs / 8).unref();
  }
}

/** Ids end in random bits (RFC 9562). */
const shardOf = (userId: UserId, shards: number): number => Number.parseInt(userId.slice(-4), 16) % shards;

function inPieces<T>(items: readonly T[], most: number): readonly (readonly T[])[] {
  const pieces: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += most) pieces.push(items.slice(at, at + most));
  return pieces;
}
