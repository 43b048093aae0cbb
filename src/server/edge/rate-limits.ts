/** Limits by address on the routes that ask for one (`perMinute`), kept in this process, or in Redis for all nodes together. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { createLimitStore, type SharedCounter } from './limit-store.ts';

/** Addresses that are remembered at a time. */
const addresses = 100_000;

export interface RateLimitDeps {
  /** Null: every node counts for itself. */
  readonly redis: SharedCounter | null;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
}

/** @param prefix begins every key in Redis. */
export async function installRateLimits(
  app: FastifyInstance,
  { redis, stopwatch }: RateLimitDeps,
  prefix: string,
): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    cache: addresses,
    ...(redis !== null && { store: createLimitStore({ redis, prefix, stopwatch }) }),
    // A household has a whole /64 of addresses.
    ipv6Subnet: 64,
    // RateLimit-Limit, -Remaining and -Reset, as the IETF draft names them.
    enableDraftSpec: true,
    errorResponseBuilder: (_, { ttl }) => new AppError('rate_limited', `Try again in ${Math.ceil(ttl / 1000)} s.`),
  });
}
