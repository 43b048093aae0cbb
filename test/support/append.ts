/** Users made directly in the database, and append instances of their own: several on one database are several nodes. */
import { randomUUID } from 'node:crypto';
import { genesisHash } from '../../src/core/hash-chain.ts';
import type { DeviceId, Epoch, MemoryId, UserId } from '../../src/core/ids.ts';
import type { RegisterValue, Write } from '../../src/core/register.ts';
import { emptyStateHash } from '../../src/core/state-hash.ts';
import type { PushedOp } from '../../src/protocol/frames.ts';
import { createAppendCache } from '../../src/server/command/append-cache.ts';
import type { PushRequest, Replica } from '../../src/server/command/append-request.ts';
import { createGroupCommit, type GroupCommit, type GroupCommitLimits } from '../../src/server/command/group-commit.ts';
import type { UserPlan } from '../../src/server/command/user-plan.ts';
import { sha256 } from '../../src/server/infra/bytes.ts';
import type { Database } from '../../src/server/infra/database.ts';
import { clockToBytes, stateHashToBytes } from '../../src/server/log/log-bytes.ts';
import { testMode } from './test-mode.ts';

export interface DatabaseUser {
  readonly userId: UserId;
  readonly epoch: Epoch;
  /** Ordinals 1, 2, 3 … */
  readonly devices: readonly Replica[];
}

/** An account without a password, with an empty log. */
export async function createDatabaseUser(db: Database, deviceCount = 1): Promise<DatabaseUser> {
  const userId = randomUUID() as UserId;
  const epoch = randomUUID() as Epoch;
  const devices = Array.from({ length: deviceCount }, (_, index) => ({ ordinal: index + 1, id: randomUUID() as DeviceId }));
  const created_at = new Date();
  await db.transaction(async ({ kysely }) => {
    const user = { user_id: userId, email: `${userId}@example.org`, password_hash: '', settings: '{}', created_at };
    await kysely.insertInto('users').values(user).execute();
    const head = {
      epoch,
      hash: genesisHash(sha256, epoch),
      clock: clockToBytes(new Map()),
      state_hash: stateHashToBytes(emptyStateHash),
    };
    await kysely
      .insertInto('user_heads')
      .values({ user_id: userId, ...head })
      .execute();
    const none = { platform: null, session_id: null, revoked_at: null };
    const rows = devices.map((device) => ({
      ...device,
      ...none,
      user_id: userId,
      name: 'test',
      created_at,
      last_seen_at: created_at,
    }));
    if (rows.length > 0) await kysely.insertInto('devices').values(rows).execute();
  });
  return { userId, epoch, devices };
}

export interface AppendNode extends GroupCommit {
  /** What it announced, in order. */
  readonly committed: readonly UserPlan[];
}

/** An append as a process of its own has it, with its own cache. */
export function createAppendNode(
  db: Database,
  options: { readonly now?: () => number; readonly limits?: GroupCommitLimits } = {},
): AppendNode {
  const committed: UserPlan[] = [];
  const now = options.now ?? Date.now;
  const append = createGroupCommit(
    { db, now, cache: createAppendCache(), onCommitted: (plan) => committed.push(plan), oneUser: testMode.oneUser },
    options.limits,
  );
  return { ...append, committed };
}

export const newMemoryId = (): MemoryId => randomUUID() as MemoryId;

/** What a memory's first op writes. */
export function creation(content: string, further: readonly Write[] = []): readonly Write[] {
  return [
    { register: 'content', value: content },
    { register: 'type', value: 'fact' },
    { register: 'scope', value: 'user_global' },
    ...further,
  ];
}

export function op(memoryId: MemoryId, writes: readonly Write[], hlcMs: number = Date.now()): PushedOp {
  return { memoryId, hlc: { ms: hlcMs, count: 0 }, change: { writes } };
}

export const setting = (register: Write['register'], value: RegisterValue): readonly Write[] => [{ register, value }];

export function push(
  user: DatabaseUser,
  device: number,
  firstCounter: number,
  base: number,
  ops: readonly PushedOp[],
): PushRequest {
  const replica = user.devices[device - 1];
  if (replica === undefined) throw new RangeError(`no device ${device}`);
  return { kind: 'push', userId: user.userId, device: replica, firstCounter, base, ops };
}
