/**
 * `heads(base)`: what the log had seen at an older seq. Counters of a device are contiguous, so it is today's clock with
 * each device that wrote since then taken back to just before its first write since.
 */
import type { UserId } from '../../core/ids.ts';
import type { Dot, VectorClock } from '../../core/vector-clock.ts';
import type { Queryable, Statement } from '../infra/database.ts';

export interface PlacedDot extends Dot {
  readonly seq: number;
}

/** @param since every dot after `base`, in any order. */
export function clockAt(clock: VectorClock, since: Iterable<PlacedDot>, base: number): VectorClock {
  const at = new Map(clock);
  for (const dot of since) {
    if (dot.seq > base && dot.counter <= (at.get(dot.device) ?? 0)) at.set(dot.device, dot.counter - 1);
  }
  for (const [device, counter] of at) if (counter === 0) at.delete(device);
  return at;
}

/** For each device the first dot after `base`: at most one row a device. */
const firstDotsSince: Statement = {
  name: 'first-dots-since',
  text: `select device, min(counter) as counter, min(seq) as seq from events
    where user_id = $1::uuid and seq > $2::bigint and seq <= $3::bigint group by device`,
};

export async function readFirstDots(db: Queryable, userId: UserId, base: number, upTo: number): Promise<readonly PlacedDot[]> {
  return db.query<PlacedDot>(firstDotsSince, [userId, base, upTo]);
}
