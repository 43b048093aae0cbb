/** A new account: user, empty log, first device and first session, all or nothing. */
import { v4, v7 } from 'uuid';
import { AppError } from '../../core/errors.ts';
import { genesisHash } from '../../core/hash-chain.ts';
import type { Epoch, UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { emptyStateHash } from '../../core/state-hash.ts';
import { sha256 } from '../infra/bytes.ts';
import { DatabaseError, type Queryable } from '../infra/database.ts';
import { clockToBytes, stateHashToBytes } from '../log/log-bytes.ts';
import type { AccessDeps } from './access-deps.ts';
import type { DeviceClaim } from './claim-device.ts';
import type { Credentials, Login, WeakPassword } from './credentials.ts';
import { weaknessOf } from './password-weakness.ts';
import { issueToken, type StartedSession, startSession } from './start-session.ts';

export type RegisterRefusal = WeakPassword | { readonly code: 'email_taken' };

export async function register(deps: AccessDeps, credentials: Credentials): Promise<Result<Login, RegisterRefusal>> {
  const { email, password, device } = credentials;
  const weakness = weaknessOf(password, email);
  if (weakness !== null) return err({ code: 'weak_password', weakness });
  const createdAt = deps.now();
  const userId = v7({ msecs: createdAt }) as UserId;
  const passwordHash = await deps.passwords.hash(password);
  try {
    const session = await deps.db.transaction(async (tx) => {
      await insertUser(tx, { userId, email, passwordHash, createdAt: new Date(createdAt) });
      return await firstSession(tx, deps, userId, device ?? {});
    });
    const { device: own, refreshToken } = session;
    await deps.attempts.welcome({ userId, address: credentials.address });
    return ok({ user: { id: userId, email, createdAt }, device: own, refreshToken, ...(await issueToken(deps, session)) });
  } catch (error) {
    if (error instanceof DatabaseError && error.constraint === 'accounts_pkey') return err({ code: 'email_taken' });
    throw error;
  }
}

interface NewUser {
  readonly userId: UserId;
  readonly email: string;
  readonly passwordHash: string;
  readonly createdAt: Date;
}

async function insertUser(tx: Queryable, { userId, email, passwordHash, createdAt }: NewUser): Promise<void> {
  await tx.kysely.insertInto('accounts').values({ email, user_id: userId }).execute();
  await tx.kysely
    .insertInto('users')
    .values({ user_id: userId, email, password_hash: passwordHash, settings: '{}', created_at: createdAt })
    .execute();
  const epoch = v4() as Epoch;
  await tx.kysely
    .insertInto('user_heads')
    .values({
      user_id: userId,
      epoch,
      hash: genesisHash(sha256, epoch),
      clock: clockToBytes(new Map()),
      state_hash: stateHashToBytes(emptyStateHash),
    })
    .execute();
}

/** Throws where a Result would leave the user without a session behind. */
async function firstSession(tx: Queryable, deps: AccessDeps, userId: UserId, claim: DeviceClaim): Promise<StartedSession> {
  const session = await startSession(tx, deps, userId, claim);
  if (!session.ok) throw new AppError(session.error);
  return session.value;
}
