/** Redis, tried for real. */
import type { RedisProbe } from '../infra/redis-probe.ts';
import { type Check, type Finding, fail, ok, warn } from './finding.ts';
import { messageOf } from './run-checks.ts';

const name = 'redis';
/** Longer than that every limited request waits for it, ms. */
const farMs = 10;

/** @param probe rejects when it cannot be reached. */
export function checkRedis(probe: () => Promise<RedisProbe>): Check {
  return {
    name,
    boundMs: 15_000,
    async run() {
      try {
        return toFindings(await probe());
      } catch (error) {
        const fix = 'start Redis, and see whether REDIS_URL has its host, port, user and password, rediss:// where it wants TLS';
        return [fail(name, messageOf(error), fix)];
      }
    },
  };
}

function toFindings({ version, roundTripMs, carriesHints }: RedisProbe): readonly Finding[] {
  const shown = `${version}, a round trip takes ${roundTripMs.toFixed(1)} ms`;
  const hints = carriesHints
    ? ok(name, 'sharded pub/sub works')
    : fail(name, 'sharded pub/sub does not work', 'use Redis 7 or newer, or Valkey, and let the user SSUBSCRIBE and SPUBLISH');
  return [roundTripMs > farMs ? warn(name, shown, 'put Redis into the zone of the servers') : ok(name, shown), hints];
}
