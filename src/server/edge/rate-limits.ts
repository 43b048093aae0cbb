/** Limits by address on the routes that ask for one (`perMinute`), kept in this process. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../core/errors.ts';

/** Addresses that are remembered at a time. */
const addresses = 100_000;

export async function installRateLimits(app: FastifyInstance): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    cache: addresses,
    // A household has a whole /64 of addresses.
    ipv6Subnet: 64,
    // RateLimit-Limit, -Remaining and -Reset, as the IETF draft names them.
    enableDraftSpec: true,
    errorResponseBuilder: (_, { ttl }) => new AppError('rate_limited', `Try again in ${Math.ceil(ttl / 1000)} s.`),
  });
}
