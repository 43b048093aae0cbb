/**
 * Guessing a password gets slower and slower, for whoever guesses, and not for the owner: failures count for each account by
 * network or known device, and once more for all strangers to it together. They are kept in the database, so that nodes share
 * them without Redis. An attempt counts before its password is checked, so that a hundred at once are a hundred.
 *
 * It is bounded by what it counts: a row costs its maker a check of a password, of which a process does about a hundred a second
 * at most, and an hour later the row is thrown away (`deleteStaleAttempts`).
 */
import type { DeviceId, UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Database } from '../infra/database.ts';
import { type Attempts, attemptLimits, type DelayBounds, waitOf } from './attempt-delays.ts';
import { networkOf } from './network.ts';

/** Where an attempt comes from. */
export interface AttemptOrigin {
  readonly userId: UserId;
  /** IP address. */
  readonly address: string;
  /** What it says its device is. */
  readonly device: DeviceId | null;
}

/** To be told when the password was right. */
export interface Attempt {
  readonly userId: UserId;
  readonly source: Uint8Array;
}

export interface TooManyAttempts {
  readonly code: 'too_many_attempts';
  readonly retryAfterSeconds: number;
}

export interface LoginAttempts {
  begin(origin: AttemptOrigin): Promise<Result<Attempt, TooManyAttempts>>;
  succeed(attempt: Attempt): Promise<void>;
  /** A login without an attempt: the network is the owner's from now on. */
  welcome(origin: Omit<AttemptOrigin, 'device'>): Promise<void>;
}

const strangers = Buffer.alloc(0);
const noDevice = '00000000-0000-0000-0000-000000000000';

interface AttemptRow {
  readonly source: Buffer;
  readonly failures: number;
  readonly last_at: Date;
  readonly succeeded_at: Date | null;
}

export function createLoginAttempts(db: Database, now: () => number): LoginAttempts {
  return {
    async begin({ userId, address, device }) {
      const isKnownDevice = await ownsDevice(db, userId, device);
      const source = isKnownDevice ? hashOf('device', device ?? '') : hashOf('network', networkOf(address));
      const nowMs = now();
      const before = await readAttempts(db, userId, source);
      const isKnown = isKnownDevice || isKnownNetwork(before.own, nowMs);
      const counted: readonly Counter[] = [
        { source, bounds: attemptLimits.ofSource, before: toAttempts(before.own) },
        ...(isKnown ? [] : [{ source: strangers, bounds: attemptLimits.ofStrangers, before: toAttempts(before.strangers) }]),
      ];
      const waitMs = Math.max(...counted.map(({ before: attempts, bounds }) => waitOf(attempts, bounds, nowMs)));
      if (waitMs > 0) return err(tooMany(waitMs));
      const after = await countAttempt(db, userId, counted, nowMs);
      const overtaken = counted.find((counter) => wasOvertaken(counter, after, nowMs));
      return overtaken === undefined ? ok({ userId, source }) : err(tooMany(overtaken.bounds.firstDelayMs));
    },
    succeed: (attempt) => noteSuccess(db, attempt, now()),
    welcome: ({ userId, address }) => noteSuccess(db, { userId, source: hashOf('network', networkOf(address)) }, now()),
  };
}

const forgetAttempts = {
  name: 'forget-attempts',
  everybody: 'throws away what is too old to tell anything, of whatever user',
  text: `delete from login_attempts
    where last_at < $1::timestamptz and (succeeded_at is null or succeeded_at < $2::timestamptz)`,
};

/** Rows that tell nothing any more, of whatever user. */
export async function deleteStaleAttempts(db: Database, nowMs: number): Promise<void> {
  const before = [new Date(nowMs - attemptLimits.forgetAfterMs), new Date(nowMs - attemptLimits.knownForMs)];
  await db.query(forgetAttempts, before);
}

interface Counter {
  readonly source: Uint8Array;
  readonly bounds: DelayBounds;
  readonly before: Attempts | null;
}

/** Of what is nobody's business in the clear. */
const hashOf = (kind: 'device' | 'network', name: string): Uint8Array => sha256(Buffer.from(`${kind} ${name}`)).subarray(0, 16);

const toAttempts = (row: AttemptRow | undefined): Attempts | null =>
  row === undefined ? null : { failures: row.failures, lastAt: row.last_at.getTime() };

const tooMany = (waitMs: number): TooManyAttempts => ({
  code: 'too_many_attempts',
  retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
});

/** Others were counted since this one looked, and its turn is past the free ones. */
function wasOvertaken({ source, bounds, before }: Counter, after: readonly AttemptRow[], nowMs: number): boolean {
  const isRecent = before !== null && nowMs - before.lastAt < attemptLimits.forgetAfterMs;
  const expected = (isRecent ? before.failures : 0) + 1;
  const turn = after.find((row) => row.source.equals(source))?.failures ?? expected;
  return turn > expected && turn > bounds.free;
}

function isKnownNetwork(row: AttemptRow | undefined, nowMs: number): boolean {
  const at = row?.succeeded_at?.getTime();
  return at !== undefined && nowMs - at < attemptLimits.knownForMs;
}

/** Asked also without a device, so that every attempt takes the same steps. */
async function ownsDevice(db: Database, userId: UserId, device: DeviceId | null): Promise<boolean> {
  const rows = await db.query(
    'select 1 from devices where user_id = $1::uuid and id = $2::uuid and ordinal > 0 and revoked_at is null',
    [userId, device ?? noDevice],
  );
  return rows.length > 0;
}

async function readAttempts(db: Database, userId: UserId, source: Uint8Array) {
  const rows = await db.query<AttemptRow>(
    `select source, failures, last_at, succeeded_at from login_attempts
      where user_id = $1::uuid and source = any($2::bytea[])`,
    [userId, [source, strangers]],
  );
  return {
    own: rows.find((row) => row.source.equals(source)),
    strangers: rows.find((row) => row.source.length === 0),
  };
}

async function countAttempt(
  db: Database,
  userId: UserId,
  counters: readonly Counter[],
  nowMs: number,
): Promise<readonly AttemptRow[]> {
  return await db.query<AttemptRow>(
    `insert into login_attempts as a (user_id, source, failures, last_at)
      select $1::uuid, s.source, 1, $3::timestamptz from unnest($2::bytea[]) as s(source) order by s.source
      on conflict (user_id, source) do update set
        failures = case when a.last_at <= $4::timestamptz then 1 else least(a.failures, 1000000) + 1 end,
        last_at = excluded.last_at
      returning source, failures, last_at, succeeded_at`,
    [userId, counters.map(({ source }) => source), new Date(nowMs), new Date(nowMs - attemptLimits.forgetAfterMs)],
  );
}

/** The owner's failures are forgiven; of the strangers' only the one that was none. */
async function noteSuccess(db: Database, { userId, source }: Attempt, nowMs: number): Promise<void> {
  await db.query(
    `insert into login_attempts as a (user_id, source, failures, last_at, succeeded_at)
      values ($1::uuid, $2::bytea, 0, $3::timestamptz, $3::timestamptz)
      on conflict (user_id, source) do update set failures = 0, succeeded_at = excluded.succeeded_at`,
    [userId, source, new Date(nowMs)],
  );
  await db.query(
    'update login_attempts set failures = greatest(failures - 1, 0) where user_id = $1::uuid and source = $2::bytea',
    [userId, strangers],
  );
  await db.query(
    `delete from login_attempts where user_id = $1::uuid and source in (select o.source from login_attempts o
      where o.user_id = $1::uuid and o.succeeded_at is not null order by o.succeeded_at desc offset $2::int)`,
    [userId, attemptLimits.knownNetworks],
  );
}
