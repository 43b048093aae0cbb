/**
 * The way of hints between nodes (SYN-7). Three implementations: Redis, PostgreSQL, and none where one process is all there is.
 * It may lose, double and reorder: a hint carries no data, and polls re-read the truth. A node hears its own messages too.
 */

export interface HintChannel {
  readonly kind: 'redis' | 'postgresql' | 'none';
  /** Messages to one shard go one way; a user's always go to the same. */
  readonly shards: number;
  readonly maxMessageBytes: number;
  /** @param lost messages may have been lost. */
  open(heard: (text: string) => void, lost: () => void): void;
  /** Resolves when they are handed over or lost, never throws: the next ones wait for it. */
  send(messages: readonly ChannelMessage[]): Promise<void>;
  /** Nothing comes through, and no error says why: begin anew. */
  restart(): void;
  close(): Promise<void>;
}

export interface ChannelMessage {
  readonly shard: number;
  /** ASCII. */
  readonly text: string;
}

/** One process: everybody hears of a commit from the hub. */
export const noHintChannel: HintChannel = {
  kind: 'none',
  shards: 0,
  maxMessageBytes: 0,
  open: () => undefined,
  send: async () => undefined,
  restart: () => undefined,
  close: async () => undefined,
};
