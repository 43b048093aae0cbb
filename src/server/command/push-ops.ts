/** The HTTP twin of PUSH: a device's ops go into the append, and the events that they became come back. */
import type { LogEvent } from '../../core/event.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Queryable } from '../infra/database.ts';
import { readEventsOfDots, recordToEvent } from '../log/read-events.ts';
import type { PushRequest } from './append-request.ts';
import type { GroupCommit } from './group-commit.ts';

export interface PushOpsDeps {
  readonly db: Queryable;
  readonly append: Pick<GroupCommit, 'submit'>;
}

export interface PushedOps {
  /** The device's last counter that the log holds. */
  readonly acked: number;
  readonly head: number;
  /** Of exactly the pushed counters, with their recorded outcomes (LOG-2). */
  readonly events: readonly LogEvent[];
}

export type PushRefusal =
  | { readonly code: 'counter_gap'; readonly expected: number }
  | { readonly code: 'cursor_ahead' }
  | { readonly code: 'unauthorized' };

export type PushOps = (push: Omit<PushRequest, 'kind'>) => Promise<Result<PushedOps, PushRefusal>>;

export function createPushOps({ db, append }: PushOpsDeps): PushOps {
  return async (push) => {
    const result = await append.submit({ kind: 'push', ...push });
    switch (result.kind) {
      case 'pushed':
        return ok({ acked: result.acked, head: result.head, events: await readBack(db, push) });
      case 'counter_gap':
        return err({ code: 'counter_gap', expected: result.expected });
      case 'cursor_ahead':
        return err({ code: 'cursor_ahead' });
      case 'unknown_user':
        return err({ code: 'unauthorized' });
      default:
        throw new Error(`a push was answered with ${result.kind}`);
    }
  };
}

async function readBack(db: Queryable, { userId, device, firstCounter, ops }: Omit<PushRequest, 'kind'>): Promise<LogEvent[]> {
  if (ops.length === 0) return [];
  const counters = { first: firstCounter, last: firstCounter + ops.length - 1 };
  const records = await readEventsOfDots(db, userId, device.ordinal, counters);
  return records.map((record) => recordToEvent(record, new Map([[device.ordinal, device.id]])));
}
