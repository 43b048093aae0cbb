/**
 * Group commit: one lane, no timer. While a group is being written the next one gathers; the lane takes it when it is
 * free. So the groups size themselves, and a single write at low load waits for nothing. (STORAGE: groups on one lane make
 * 1.8 to 2.8 times the rate of single-row inserts.)
 *
 * A group is first written optimistically, from cached heads, in one guarded statement. Users whose head had moved are
 * planned again in a transaction that holds the head's lock.
 */
import { AppError } from '../../core/errors.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { MemoryState } from '../../core/merge.ts';
import { requiredRegisters } from '../../core/register.ts';
import { wireLimits } from '../../protocol/limits.ts';
import { createDrainRate } from '../admission/drain-rate.ts';
import { createFairLine } from '../admission/fair-line.ts';
import { type Database, DatabaseUnavailable, type Queryable } from '../infra/database.ts';
import { type PlacedDot, readFirstDots } from '../log/clock-at.ts';
import { type Head, lockHead, readHead, readHeads } from '../log/head.ts';
import { type DeviceNames, readStates } from '../project/memory-rows.ts';
import { deleteTombstones, readTombstones, type Tombstone } from '../project/tombstones.ts';
import type { AppendCache, CachedUser } from './append-cache.ts';
import { writeOneUser } from './append-one-user.ts';
import { type AppendRequest, type AppendResult, opsOf, type WriteRequest } from './append-request.ts';
import { isWrittenByCopy, writePlans } from './append-statement.ts';
import type { GuardedPlan } from './guarded-plan.ts';
import { mapAtOnce } from './map-at-once.ts';
import { planUser, type UserPlan } from './user-plan.ts';

export interface GroupCommitDeps {
  readonly db: Database;
  readonly cache: AppendCache;
  /** Unix ms. */
  readonly now: () => number;
  /** Called after the commit and before the requests are answered, once for each user's plan that wrote events. */
  readonly onCommitted: (plan: UserPlan) => void;
  /** Each statement is about one user, and those of different users go out side by side. Default: about a whole group. */
  readonly oneUser?: boolean;
  /** Told of every group when its requests are answered. */
  readonly onGroup?: (report: GroupReport) => void;
  /** Carries out each step of a group, for whoever traces. */
  readonly around?: AroundGroup;
}

export type GroupStep = 'plan' | 'commit';

export type AroundGroup = <T>(step: GroupStep, requests: () => readonly AppendRequest[], work: () => Promise<T>) => Promise<T>;

export interface GroupReport {
  readonly requests: number;
  readonly ops: number;
  readonly users: number;
  /** Of them, those whose head or memories had moved: planned again under the lock. */
  readonly replanned: number;
  readonly way: 'statement' | 'copy';
  /** From the begin of the write until the requests are answered. */
  readonly ms: number;
}

export interface GroupCommitLimits {
  /** Ops in one group. */
  readonly groupOps: number;
  /**
   * Ops of one user in it. A group is planned in one piece: somebody who brings in a hundred thousand would have the others wait for
   * pieces of a thousand, in every turn of the event loop that they need.
   */
  readonly userOps: number;
  /** Ops that may wait; past it requests are refused as overloaded. */
  readonly queuedOps: number;
  /** Ops of one user that may wait; past it this user's requests are refused, and nobody else's. */
  readonly queuedUserOps: number;
  /** Ops that wait, from which on the next group is planned while one is being written. */
  readonly planAheadOps: number;
}

export const defaultGroupLimits: GroupCommitLimits = {
  groupOps: 1_000,
  userOps: 160,
  queuedOps: 50_000,
  queuedUserOps: 10_000,
  planAheadOps: 500,
};

export interface GroupCommit {
  /** Resolves after the commit. @throws AppError `overloaded` when too much waits, DatabaseUnavailable */
  submit(request: AppendRequest): Promise<AppendResult>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
  /** Resolves when the next group has been taken from what waits: then there is room again. */
  room(): Promise<void>;
  /** Ops that wait now. */
  queued(): number;
}

interface Pending {
  readonly request: AppendRequest;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

interface UserGroup {
  readonly userId: UserId;
  readonly pending: readonly Pending[];
}

export function createGroupCommit(deps: GroupCommitDeps, limits: GroupCommitLimits = defaultGroupLimits): GroupCommit {
  const line = createFairLine<UserId, Pending>();
  const rate = createDrainRate(deps.now);
  let running: Promise<void> | null = null;
  const onRoom: (() => void)[] = [];

  const takeGroup = (): Pending[] => {
    const before = line.cost;
    const group = line.take(limits.groupOps, limits.userOps);
    rate.note(before - line.cost);
    for (const resolve of onRoom.splice(0)) resolve();
    return group;
  };

  const run = async (): Promise<void> => {
    let writing = Promise.resolve();
    while (line.cost > 0) {
      const users = byUser(takeGroup());
      const planned = await step(deps, 'plan', users, () => planParts(deps, users));
      await writing;
      writing = step(deps, 'commit', users, () => commitAndReport(deps, users, planned));
      // Under load the next group is planned while this one is written; else it gathers meanwhile, and is larger.
      if (line.cost < limits.planAheadOps) await writing;
    }
    await writing;
    running = line.cost > 0 ? run() : null;
  };

  /** A request that is larger than the bound is taken when nothing else waits, or it never would be. */
  const refusal = (userId: UserId, ops: number): AppError | null => {
    const [all, own] = [line.cost, line.costOf(userId)];
    if (own > 0 && own + ops > limits.queuedUserOps) return overloaded('Too many writes of this account wait.', own);
    return all > 0 && all + ops > limits.queuedOps ? overloaded('Too many writes wait.', all) : null;
  };
  const overloaded = (detail: string, ahead: number): AppError =>
    new AppError('overloaded', detail, [], { retryAfterSeconds: rate.secondsFor(ahead) });

  return {
    submit(request) {
      const ops = opsOf(request);
      const refused = refusal(request.userId, ops);
      if (refused !== null) return Promise.reject(refused);
      return new Promise((resolve, reject) => {
        line.push(request.userId, { request, resolve, reject }, ops);
        // A microtask later, so that requests that arrive in one turn of the loop share a group.
        running ??= Promise.resolve().then(run);
      });
    },
    idle: async () => running ?? undefined,
    room: () => (line.cost === 0 ? Promise.resolve() : new Promise((resolve) => onRoom.push(resolve))),
    queued: () => line.cost,
  };
}

function step<T>({ around }: GroupCommitDeps, name: GroupStep, groups: readonly UserGroup[], work: () => Promise<T>): Promise<T> {
  return around === undefined ? work() : around(name, () => requestsOf(groups), work);
}

const requestsOf = (groups: readonly UserGroup[]): AppendRequest[] =>
  groups.flatMap(({ pending }) => pending.map(({ request }) => request));

/** Never throws. */
async function commitAndReport(
  deps: GroupCommitDeps,
  groups: readonly UserGroup[],
  parts: readonly OptimisticGroup[],
): Promise<void> {
  const startedAt = performance.now();
  const replanned = await commitParts(deps, parts);
  if (deps.onGroup === undefined) return;
  let requests = 0;
  let ops = 0;
  for (const { pending } of groups) for (const { request } of pending) [requests, ops] = [requests + 1, ops + opsOf(request)];
  const isCopied = parts.some(({ planned }) => isWrittenByCopy(planned.map(({ guarded }) => guarded)));
  const way = isCopied ? 'copy' : 'statement';
  deps.onGroup({ requests, ops, users: groups.length, replanned, way, ms: performance.now() - startedAt });
}

function byUser(pending: readonly Pending[]): UserGroup[] {
  const groups = new Map<UserId, Pending[]>();
  for (const item of pending) {
    const group = groups.get(item.request.userId);
    if (group === undefined) groups.set(item.request.userId, [item]);
    else group.push(item);
  }
  return Array.from(groups, ([userId, items]) => ({ userId, pending: items }));
}

/** Users whose statements go out side by side where each is about one: as many as a pool of the usual size has connections. */
const usersAtOnce = 10;

/** A group as it is written: whole, or one user after the other on several connections (docs/decisions/0014). */
async function planParts(deps: GroupCommitDeps, groups: readonly UserGroup[]): Promise<readonly OptimisticGroup[]> {
  if (deps.oneUser !== true) return [await planOptimistically(deps, groups)];
  return await mapAtOnce(groups, usersAtOnce, (group) => planOptimistically(deps, [group]));
}

/** @returns how many users had to be planned again. */
async function commitParts(deps: GroupCommitDeps, parts: readonly OptimisticGroup[]): Promise<number> {
  const replanned = await mapAtOnce(parts, usersAtOnce, (part) => commitGroup(deps, part));
  return replanned.reduce((sum, count) => sum + count, 0);
}

/** A group on its way: what could be planned from the cache, and what has to wait for the lock. */
interface OptimisticGroup {
  readonly planned: readonly PlannedGroup[];
  readonly unplanned: readonly UserGroup[];
}

/** Never throws: what cannot be planned so is planned under the lock, alone. */
async function planOptimistically(deps: GroupCommitDeps, all: readonly UserGroup[]): Promise<OptimisticGroup> {
  const [locking, groups] = partition(all, (group) => group.pending.some(needsTransaction));
  try {
    const users = await loadUsers(deps, groups);
    const planned = await planGroups(deps, deps.db, groups, users, 'presume');
    for (const { guarded } of planned) if (guarded.plan.events.length > 0) deps.cache.expect(guarded.plan);
    const [, unknown] = partition(groups, (group) => users.has(group.userId));
    for (const group of unknown) for (const item of group.pending) item.resolve({ kind: 'unknown_user' });
    return { planned, unplanned: locking };
  } catch (error) {
    for (const group of groups) deps.cache.forget(group.userId);
    if (!(error instanceof DatabaseUnavailable)) return { planned: [], unplanned: all };
    rejectAll(groups, error);
    return { planned: [], unplanned: locking };
  }
}

/** Never throws: every request is answered or rejected. @returns how many users had to be planned again. */
async function commitGroup(deps: GroupCommitDeps, { planned, unplanned }: OptimisticGroup): Promise<number> {
  const moved = [...unplanned];
  try {
    const plans = planned.map(({ guarded }) => guarded);
    const written = await (deps.oneUser === true ? writeOneUser : writePlans)(deps.db, plans);
    for (const { group, guarded } of planned) {
      // Replays of what was planned before and then could not be written are none: the run of heads must be unbroken.
      const isFollowing = deps.cache.user(group.userId)?.head === guarded.plan.before;
      if (written.has(group.userId) || (isFollowing && isSureWithoutWriting(guarded.plan))) settle(deps, group, guarded.plan);
      else moved.push(group);
    }
  } catch (error) {
    const groups = planned.map(({ group }) => group);
    for (const group of groups) deps.cache.forget(group.userId);
    // One request that the database chokes on must not take the others with it.
    if (error instanceof DatabaseUnavailable) rejectAll(groups, error);
    else moved.push(...groups);
  }
  for (const group of moved) {
    deps.cache.forget(group.userId);
    await commitLocked(deps, group);
  }
  return moved.length - unplanned.length;
}

/** A refusal that nothing was written with may rest on an old cache entry: only the lock can tell. Replays are replays. */
function isSureWithoutWriting(plan: UserPlan): boolean {
  return plan.events.length === 0 && plan.results.every((result) => result.kind === 'pushed');
}

/** One user's requests under the head's lock: nothing can move meanwhile. */
async function commitLocked(deps: GroupCommitDeps, group: UserGroup): Promise<void> {
  // What a collection takes away, another request of the same transaction might write.
  if (group.pending.length > 1 && group.pending.some(({ request }) => request.kind === 'collect'))
    return commitOneByOne(deps, group);
  try {
    const plan = await deps.db.transaction(async (tx) => {
      await lockHead(tx, group.userId);
      const head = await readHead(tx, group.userId);
      if (head === null) return null;
      const users = new Map([[group.userId, deps.cache.begin(head)]]);
      const [planned] = await planGroups(deps, tx, [group], users, 'read');
      if (planned === undefined) return null;
      const { plan } = planned.guarded;
      const written = await (deps.oneUser === true ? writeOneUser : writePlans)(tx, [planned.guarded]);
      if (plan.events.length > 0 && !written.has(group.userId)) throw new Error('the head moved under its lock');
      await writeFurther(tx, group, plan);
      return plan;
    });
    if (plan === null) {
      for (const item of group.pending) item.resolve({ kind: 'unknown_user' });
      return;
    }
    if (plan.collected.size > 0) deps.cache.forget(group.userId);
    else if (plan.events.length > 0) deps.cache.expect(plan);
    settle(deps, group, plan);
  } catch (error) {
    deps.cache.forget(group.userId);
    if (group.pending.length === 1 || error instanceof DatabaseUnavailable) return rejectAll([group], error);
    await commitOneByOne(deps, group);
  }
}

async function commitOneByOne(deps: GroupCommitDeps, group: UserGroup): Promise<void> {
  for (const item of group.pending) await commitLocked(deps, { ...group, pending: [item] });
}

async function writeFurther(tx: Queryable, group: UserGroup, plan: UserPlan): Promise<void> {
  const collected = { floor: plan.after.floor, ids: [...plan.collected] };
  if (collected.ids.length > 0) await deleteTombstones(tx, group.userId, collected);
  for (const [index, { request }] of group.pending.entries()) {
    if (request.kind === 'write' && plan.results[index]?.kind === 'written') await request.alsoWrite?.(tx);
  }
}

async function loadUsers(deps: GroupCommitDeps, groups: readonly UserGroup[]): Promise<Map<UserId, CachedUser>> {
  const users = new Map<UserId, CachedUser>();
  const missing: UserId[] = [];
  for (const { userId } of groups) {
    const user = deps.cache.user(userId);
    if (user === null) missing.push(userId);
    else users.set(userId, user);
  }
  if (missing.length === 0) return users;
  for (const head of await readHeads(deps.db, missing)) users.set(head.userId, deps.cache.begin(head));
  return users;
}

interface PlannedGroup {
  readonly group: UserGroup;
  readonly guarded: GuardedPlan;
}

async function planGroups(
  deps: GroupCommitDeps,
  db: Queryable,
  groups: readonly UserGroup[],
  users: ReadonlyMap<UserId, CachedUser>,
  newOnes: 'presume' | 'read',
): Promise<PlannedGroup[]> {
  const known = groups.filter((group) => users.has(group.userId));
  const touched = known.map((group) => touchedMemories(deps, group, newOnes));
  const keys = touched.flatMap(({ unread }, index) => {
    const userId = known[index]?.userId;
    return userId === undefined ? [] : unread.map((id) => ({ userId, id }));
  });
  const namesByUser = new Map(Array.from(users, ([userId, user]) => [userId, namesOf(user.head, groups)]));
  const names = (userId: UserId): DeviceNames => namesByUser.get(userId) ?? unknownUser(userId);
  for (const { userId, state } of await readStates(db, keys, names)) {
    touched[known.findIndex((group) => group.userId === userId)]?.states.set(state.id, state);
  }
  const planned: PlannedGroup[] = [];
  for (const [index, group] of known.entries()) {
    const user = users.get(group.userId);
    const own = touched[index];
    if (user === undefined || own === undefined) continue;
    const plan = planUser({
      head: user.head,
      states: own.states,
      clockByBase: user.clockByBase,
      dotsSince: await readDots(db, user, group),
      requests: group.pending.map((item) => item.request),
      tombstones: await readCollectible(db, group),
      at: deps.now(),
    });
    planned.push({ group, guarded: { plan, presumedNew: own.presumedNew, names: names(group.userId) } });
  }
  return planned;
}

/** One more than an event takes, so that it shows whether there is more. */
async function readCollectible(db: Queryable, group: UserGroup): Promise<readonly Tombstone[]> {
  const request = group.pending.map((item) => item.request).find(({ kind }) => kind === 'collect');
  return request?.kind === 'collect' ? readTombstones(db, { ...request, limit: wireLimits.collectIds + 1 }) : [];
}

interface TouchedMemories {
  readonly states: Map<MemoryId, MemoryState>;
  readonly unread: readonly MemoryId[];
  readonly presumedNew: readonly MemoryId[];
}

function touchedMemories(deps: GroupCommitDeps, group: UserGroup, newOnes: 'presume' | 'read'): TouchedMemories {
  const states = new Map<MemoryId, MemoryState>();
  const unread = new Set<MemoryId>();
  const presumedNew = new Set<MemoryId>();
  for (const { request } of group.pending) {
    for (const { id, isNew } of memoriesOf(request)) {
      if (states.has(id) || unread.has(id) || presumedNew.has(id)) continue;
      const cached = deps.cache.memory(group.userId, id);
      if (cached !== null) states.set(id, cached);
      else (isNew && newOnes === 'presume' ? presumedNew : unread).add(id);
    }
  }
  return { states, unread: [...unread], presumedNew: [...presumedNew] };
}

interface TouchedMemory {
  readonly id: MemoryId;
  readonly isNew: boolean;
}

function memoriesOf(request: AppendRequest): readonly TouchedMemory[] {
  if (request.kind === 'collect') return [];
  if (request.kind === 'write') return [toTouched(request)];
  if (request.kind === 'writes') return request.writes.map(toTouched);
  return request.ops.map((op) => ({ id: op.memoryId, isNew: looksNew(op.change.writes) }));
}

const toTouched = ({ memoryId, expectNew }: Pick<WriteRequest, 'memoryId' | 'expectNew'>): TouchedMemory => ({
  id: memoryId,
  isNew: expectNew === true,
});

/** A first op writes what every first op must (MRG-5); later ones hardly ever write all of it. */
function looksNew(writes: readonly { readonly register: string }[]): boolean {
  return requiredRegisters.every((name) => writes.some((write) => write.register === name));
}

/** The dots after each base that lies behind the head: from the cache where it reaches back, else one query a base. */
async function readDots(db: Queryable, user: CachedUser, group: UserGroup): Promise<(base: number) => Iterable<PlacedDot>> {
  const dotsByBase = new Map<number, readonly PlacedDot[]>();
  for (const { request } of group.pending) {
    if (request.kind !== 'push') continue;
    for (const base of new Set([request.base, ...request.ops.flatMap((op) => op.base ?? [])])) {
      if (base >= user.dotsFrom || dotsByBase.has(base) || user.clockByBase.has(base)) continue;
      const older = await readFirstDots(db, group.userId, base, user.dotsFrom);
      dotsByBase.set(base, [...older, ...user.dots]);
    }
  }
  return (base) => dotsByBase.get(base) ?? user.dots;
}

function namesOf(head: Head, groups: readonly UserGroup[]): DeviceNames {
  const idByOrdinal = new Map(head.deviceByOrdinal);
  for (const group of groups) {
    if (group.userId !== head.userId) continue;
    for (const { request } of group.pending) {
      if (request.kind === 'collect') continue;
      const replica = request.kind === 'push' ? request.device : request.actor;
      idByOrdinal.set(replica.ordinal, replica.id);
    }
  }
  const ordinalById = new Map(Array.from(idByOrdinal, ([ordinal, id]) => [id, ordinal]));
  return {
    idOf: (ordinal) => idByOrdinal.get(ordinal) ?? missing('ordinal', ordinal),
    ordinalOf: (id) => ordinalById.get(id) ?? missing('device', id),
  };
}

function settle(deps: GroupCommitDeps, group: UserGroup, plan: UserPlan): void {
  if (plan.events.length > 0) {
    deps.cache.settle(plan);
    deps.onCommitted(plan);
  }
  group.pending.forEach((item, index) => {
    const result = plan.results[index];
    if (result !== undefined) item.resolve(result);
  });
}

function rejectAll(groups: readonly UserGroup[], error: unknown): void {
  for (const group of groups) for (const item of group.pending) item.reject(error);
}

function missing(what: string, name: number | string): never {
  throw new RangeError(`no ${what} ${name} among the user's devices`);
}

const unknownUser = (userId: UserId): never => missing('user', userId);

const needsTransaction = ({ request }: Pending): boolean =>
  request.kind === 'collect' || (request.kind === 'write' && request.alsoWrite !== undefined);

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
