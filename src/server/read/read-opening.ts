/** What the log says to a device that opens a session (SYN-2, SYN-5). */
import type { Epoch, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { readHead } from '../log/head.ts';

export interface Opening {
  readonly epoch: Epoch;
  readonly head: number;
  readonly floor: number;
  /** Memories that are not deleted. */
  readonly live: number;
  /** The device's last counter that the log holds. */
  readonly lastCounter: number;
  /** The newest seq that the device's epoch shares with this one, 0 when it is unknown here. */
  readonly shared: number;
}

export interface OpeningDevice {
  readonly ordinal: number;
  /** The lineage of the log that the device holds; null when it holds nothing. */
  readonly epoch: Epoch | null;
}

const sharedStatement: Statement = {
  name: 'shared-with-epoch',
  text: 'select shared_seq from epochs where user_id = $1::uuid and epoch = $2::uuid',
};

/** Null for a user that does not exist. */
export async function readOpening(db: Queryable, userId: UserId, device: OpeningDevice): Promise<Opening | null> {
  const found = await readHead(db, userId);
  if (found === null) return null;
  const { epoch, seq: head, floor, live, clock } = found;
  const shared = device.epoch === null || device.epoch === epoch ? head : await readShared(db, userId, device.epoch);
  return { epoch, head, floor, live, lastCounter: clock.get(device.ordinal) ?? 0, shared };
}

async function readShared(db: Queryable, userId: UserId, epoch: Epoch): Promise<number> {
  const [ended] = await db.query<{ shared_seq: number }>(sharedStatement, [userId, epoch]);
  return ended?.shared_seq ?? 0;
}
