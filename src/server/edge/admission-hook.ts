/** Requests wait for their turn here, after who asks is known and the body is read: a body that is slow to come takes no turn. */
import type { FastifyRequest, preHandlerHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Admission, WorkKind } from '../admission/admission.ts';
import type { Refusal } from '../admission/fair-queue.ts';
import { addressKey } from './address-key.ts';
import { createTurn, type Turn } from './turn.ts';
import { whenClosed } from './when-closed.ts';

declare module 'fastify' {
  interface FastifyRequest {
    turn: Turn | null;
  }
}

export type AdmissionHook = (kind: WorkKind) => preHandlerHookHandler;

export function createAdmissionHook({ queues, onRefused }: Admission): AdmissionHook {
  return (kind) => {
    const queue = queues[kind];
    return (request, reply, done) => {
      let hasAnswer = false;
      let forget = (): void => undefined;
      const answer = (error?: Error): void => {
        hasAnswer = true;
        forget();
        done(error);
      };
      const leaveQueue = queue.enter(keyOf(request), {
        admitted(leave) {
          request.turn = createTurn(reply, leave);
          answer();
        },
        refused(refusal) {
          onRefused(refusal.kind);
          answer(toError(refusal));
        },
      });
      if (hasAnswer) return;
      // Who is gone waits for nothing. The answer is for the log alone.
      forget = whenClosed(request.raw.socket, () => {
        leaveQueue();
        answer(new AppError('overloaded', 'The caller left before the turn came.'));
      });
    };
  };
}

function keyOf({ principal, ip }: FastifyRequest): string {
  return principal === null ? addressKey(ip) : principal.userId;
}

function toError({ kind, retryAfterSeconds }: Refusal): AppError {
  const members = { retryAfterSeconds };
  if (kind === 'own_full') return new AppError('too_many_requests', undefined, [], members);
  return new AppError('overloaded', 'Too many requests wait.', [], members);
}
