/**
 * Large bodies of one user that may be on their way or under way: each is held as a whole, and as what it is parsed into. Small ones
 * are bounded by how many requests may wait. An import is read as a stream, and has turns of its own.
 */
import type { onRequestHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { createSeats } from '../admission/seats.ts';
import { whenClosed } from './when-closed.ts';

export interface LargeBodyLimits {
  /** Bytes from which on a body is large. */
  readonly largeBodyBytes: number;
  readonly largeBodiesOfOne: number;
}

/** Goes behind the hook that tells who asks. @param onRefused told of each that found no place. */
export function createLargeBodyLimit(limits: LargeBodyLimits, onRefused: () => void): onRequestHookHandler {
  const seats = createSeats(limits.largeBodiesOfOne);
  return (request, reply, done) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.raw.headers;
    // A body that comes in chunks does not say how large it is.
    const isLarge = encoding !== undefined || Number(length ?? 0) > limits.largeBodyBytes;
    if (!isLarge || request.principal === null) return done();
    const giveBack = seats.take(request.principal.userId);
    if (giveBack === null) {
      onRefused();
      const detail = 'Too many large bodies of this account are on their way.';
      return done(new AppError('too_many_requests', detail, [], { retryAfterSeconds: 1 }));
    }
    const forget = whenClosed(request.raw.socket, giveBack);
    reply.raw.once('finish', () => {
      forget();
      giveBack();
    });
    done();
  };
}
