/** Limits by address on the routes that ask for one (`perMinute`), by user on the others; kept in this process. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { ipv6Subnet } from './address-key.ts';

/** Addresses that are remembered at a time. */
const addresses = 100_000;

/** @param onRefused told of each request beyond its rate. */
export async function installRateLimits(app: FastifyInstance, onRefused: () => void): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    cache: addresses,
    ipv6Subnet,
    // RateLimit-Limit, -Remaining and -Reset, as the IETF draft names them.
    enableDraftSpec: true,
    onExceeded: onRefused,
    errorResponseBuilder: (_, { ttl }) => new AppError('rate_limited', `Try again in ${Math.ceil(ttl / 1000)} s.`),
  });
}

/** One count for all routes that take it. */
export function createUserLimit(app: FastifyInstance, perMinute: number): onRequestAsyncHookHandler {
  const keyGenerator = ({ principal, ip }: FastifyRequest): string => principal?.userId ?? ip;
  const limit = app.rateLimit({ max: perMinute, timeWindow: 60_000, keyGenerator });
  return async function limitUser(request, reply) {
    await limit.call(this, request, reply);
  };
}
