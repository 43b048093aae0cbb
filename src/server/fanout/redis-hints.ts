/**
 * Hints over sharded publish and subscribe (Redis 7, Valkey): a message goes to the one node of a cluster that has its slot, not to
 * all. Every server listens to all shards: there are few, and a hint for a user nobody listens to costs one look into a map.
 */
import type { RedisDoor } from '../infra/redis.ts';
import type { HintChannel } from './hint-channel.ts';

/** More than the nodes that clusters for hints have. */
const shards = 16;

export function createRedisHints(redis: Pick<RedisDoor, 'publish' | 'subscribe' | 'resubscribe'>, prefix: string): HintChannel {
  const channelOf = (shard: number): string => `${prefix}hint:${shard}`;
  return {
    kind: 'redis',
    shards,
    maxMessageBytes: 16_384,
    open(heard, lost) {
      redis.subscribe(
        Array.from({ length: shards }, (_, shard) => channelOf(shard)),
        heard,
        lost,
      );
    },
    async send(messages) {
      await Promise.allSettled(messages.map(({ shard, text }) => redis.publish(channelOf(shard), text)));
    },
    restart: () => redis.resubscribe(),
    close: async () => undefined,
  };
}
