/**
 * The server in this process: users' logs as values, one or two processes (nodes) over them, every step of a database an
 * event on the virtual clock. A node may crash before any of them: before the commit nothing happened, after it the answer
 * is lost. Who decides is the real code: the plan of the append, the session of a socket, the codec.
 */
import type { ErrorCode } from '../../src/core/errors.ts';
import { type DeviceId, type Epoch, type SessionId, serverDeviceId, type UserId } from '../../src/core/ids.ts';
import type { Hello } from '../../src/protocol/frames.ts';
import type { AppendRequest, AppendResult, Replica } from '../../src/server/command/append-request.ts';
import type { Opened } from '../../src/sync/answer-hello.ts';
import type { ConnectionNode, Principal } from './connection-node.ts';
import { type Dice, idOf } from './dice.ts';
import type { LogImage } from './log-image.ts';
import type { Mutant } from './mutant.ts';
import { type ConnectionLimits, ServerConnection, type ServerSocket } from './server-connection.ts';
import type { Timeline } from './timeline.ts';
import { type Commit, VolatileLog } from './volatile-log.ts';

/** The server's clock at virtual time 0, Unix ms. */
export const beginning = 1_764_000_000_000;

export interface ServerOptions {
  readonly limits: ConnectionLimits;
  readonly nodes: number;
  readonly tokenMs: number;
  /** Between two looks of a node at what others committed, and at what sessions ended, ms. */
  readonly pollMs: number;
  readonly tickMs: number;
  readonly mutant: Mutant | null;
  /** Age of a tombstone that may be collected, ms. */
  readonly tombstoneMs: number;
  /** A device that was not seen for so long holds up no collection, ms. */
  readonly deviceExpiryMs: number;
}

/** What may go wrong now. */
export interface ServerWeather {
  /** That a step of the database fails. */
  failure: number;
  /** That a commit fails, though it was written. */
  lostCommit: number;
  /** Of one step of the database, ms. */
  minDelayMs: number;
  maxDelayMs: number;
  /** HELLO of every version is refused. */
  refusesProtocol: boolean;
}

/** Who hears of what happens, to judge it. */
export interface ServerWitness {
  committed(userId: UserId, commit: Commit): void;
  note(text: string): void;
}

export interface ServerBackup {
  readonly images: ReadonlyMap<UserId, LogImage>;
  readonly sessions: ReadonlyMap<SessionId, Session>;
}

interface Session {
  readonly userId: UserId;
  readonly device: DeviceId;
  readonly isEnded: boolean;
}

export class VolatileServer {
  readonly timeline: Timeline;
  readonly options: ServerOptions;
  readonly witness: ServerWitness;
  readonly weather: ServerWeather = { failure: 0, lostCommit: 0, minDelayMs: 1, maxDelayMs: 5, refusesProtocol: false };
  readonly nodes: readonly ServerNode[];
  readonly logs = new Map<UserId, VolatileLog>();
  sessions: ReadonlyMap<SessionId, Session> = new Map();
  /** The server's clock minus the true one, ms. */
  clockOffsetMs = 0;
  readonly #dice: (name: string) => Dice;
  #made = 0;

  constructor(timeline: Timeline, dice: (name: string) => Dice, options: ServerOptions, witness: ServerWitness) {
    this.timeline = timeline;
    this.#dice = dice;
    this.options = options;
    this.witness = witness;
    this.nodes = Array.from({ length: options.nodes }, (_, index) => new ServerNode(this, dice(`node ${index}`), index));
  }

  /** Unix ms. */
  now(): number {
    return beginning + this.timeline.now + this.clockOffsetMs;
  }

  addUser(userId: UserId): VolatileLog {
    const salts = this.#dice(`salts ${userId}`);
    const log = new VolatileLog(
      userId,
      this.newEpoch(),
      (size) => Uint8Array.from({ length: size }, () => salts.below(256)),
      this.options.mutant,
    );
    this.logs.set(userId, log);
    return log;
  }

  newEpoch(): Epoch {
    return idOf<Epoch>(`epoch ${this.#made++}`);
  }

  /** Logging in on a device. @returns a token. */
  login(userId: UserId, device: DeviceId): string | ErrorCode {
    const sessionId = idOf<SessionId>(`session ${this.#made++}`);
    const replica = this.claimDevice({ userId, sessionId }, device);
    if (typeof replica === 'string') return replica;
    this.sessions = new Map(this.sessions).set(sessionId, { userId, device, isEnded: false });
    return this.#token(sessionId);
  }

  /** A fresh token of the same session. */
  refresh(token: string): string | ErrorCode {
    const { sid } = claimsOf(token);
    const session = this.sessions.get(sid);
    return session === undefined || session.isEnded ? 'unauthorized' : this.#token(sid);
  }

  authenticate(token: string): Principal | ErrorCode {
    const { sid: sessionId, exp } = claimsOf(token);
    const session = this.sessions.get(sessionId);
    const tokenExpiresAt = exp * 1_000;
    if (session === undefined || !(this.now() < tokenExpiresAt)) return 'unauthorized';
    const device = this.logs.get(session.userId)?.image.devices.get(session.device);
    if (device === undefined) return 'unauthorized';
    if (device.isRevoked) return 'device_revoked';
    if (session.isEnded) return 'unauthorized';
    return { userId: session.userId, sessionId, device: { ordinal: device.ordinal, id: device.id }, tokenExpiresAt };
  }

  /** As access/claim-device: a known device by its id, or a new one with the next ordinal. */
  claimDevice(
    { userId, sessionId }: { readonly userId: UserId; readonly sessionId: SessionId },
    id: DeviceId,
  ): Replica | ErrorCode {
    const log = this.logs.get(userId);
    if (log === undefined) return 'unauthorized';
    if (id === serverDeviceId) return 'device_revoked';
    const known = log.image.devices.get(id);
    if (known?.isRevoked === true) return 'device_revoked';
    const last = Math.max(0, ...[...log.image.devices.values()].map((device) => device.ordinal));
    const device = known ?? { id, ordinal: last + 1, cursor: 0, isRevoked: false };
    log.setDevice({ ...device, sessionId, lastSeenAt: this.now() });
    return { ordinal: device.ordinal, id };
  }

  /** Ends the sessions that were begun on it. Sockets hear of it here and now on one node, by a poll on the others. */
  revoke(userId: UserId, id: DeviceId): void {
    const log = this.logs.get(userId);
    const device = log?.image.devices.get(id);
    if (log === undefined || device === undefined) return;
    log.setDevice({ ...device, isRevoked: true });
    this.#endWhere((session) => session.userId === userId && session.device === id);
  }

  endSessions(userId: UserId): void {
    this.#endWhere((session) => session.userId === userId);
  }

  /** The whole store goes back to what it was: a restored backup. Every process was stopped for it. */
  restore({ images, sessions }: ServerBackup, newEpochs: boolean): void {
    for (const node of this.nodes) node.crash();
    this.sessions = new Map(sessions);
    for (const [userId, image] of images) {
      const log = this.logs.get(userId);
      log?.restore(image);
      if (newEpochs) log?.beginEpoch(this.newEpoch());
    }
    for (const node of this.nodes) node.start();
  }

  /** Tombstones that every live device has seen are taken away (SYN-12). */
  collect(userId: UserId): void {
    const { tombstoneMs, deviceExpiryMs } = this.options;
    const request = {
      kind: 'collect',
      userId,
      deletedBefore: this.now() - tombstoneMs,
      seenAfter: this.now() - deviceExpiryMs,
    } as const;
    const node = this.nodes.find(({ isUp }) => isUp);
    node?.submit(
      request,
      () => undefined,
      () => undefined,
    );
  }

  wipe(): void {
    for (const node of this.nodes) node.crash();
    this.sessions = new Map();
    for (const log of this.logs.values()) log.wipe(this.newEpoch());
    for (const node of this.nodes) node.start();
  }

  backup(): ServerBackup {
    return { images: new Map([...this.logs].map(([userId, log]) => [userId, log.image])), sessions: new Map(this.sessions) };
  }

  #token(sessionId: SessionId): string {
    const claims = { sid: sessionId, exp: Math.floor((this.now() + this.options.tokenMs) / 1_000) };
    return `e30.${btoa(JSON.stringify(claims))}.`;
  }

  #endWhere(isEnding: (session: Session) => boolean): void {
    const ended = (session: Session): Session => (isEnding(session) ? { ...session, isEnded: true } : session);
    this.sessions = new Map([...this.sessions].map(([id, session]) => [id, ended(session)]));
    this.#tellEnded();
  }

  #tellEnded(): void {
    const [here, ...others] = this.nodes;
    here?.closeEnded();
    for (const node of others) this.timeline.after(this.options.pollMs, () => node.closeEnded());
  }
}

/** In the form of RFC 7519, unsigned: nobody forges here. */
function claimsOf(token: string): { readonly sid: SessionId; readonly exp: number } {
  try {
    return JSON.parse(atob(token.split('.')[1] ?? ''));
  } catch {
    return { sid: '' as SessionId, exp: 0 };
  }
}

type Lane = {
  readonly request: AppendRequest;
  readonly done: (result: AppendResult) => void;
  readonly failed: (code: ErrorCode) => void;
};

/** One process of the server. */
export class ServerNode implements ConnectionNode {
  readonly #server: VolatileServer;
  readonly #dice: Dice;
  readonly index: number;
  readonly #connections = new Set<ServerConnection>();
  /** What waits for the one lane of the group commit. */
  #lane: Lane[] = [];
  #isWriting = false;
  #isPolling = false;
  #isTicking = false;
  readonly #atCrash: (() => void)[] = [];
  /** Goes up with every crash: what an earlier life asked the database for comes back to nobody. */
  #life = 0;
  isUp = true;

  constructor(server: VolatileServer, dice: Dice, index: number) {
    this.#server = server;
    this.#dice = dice;
    this.index = index;
  }

  now(): number {
    return this.#server.now();
  }

  logOf(userId: UserId): VolatileLog | null {
    return this.#server.logs.get(userId) ?? null;
  }

  get refusesProtocol(): boolean {
    return this.#server.weather.refusesProtocol;
  }

  connect(socket: ServerSocket): ServerConnection {
    const connection = new ServerConnection(this, socket, this.#server.options.limits);
    this.#connections.add(connection);
    this.#tickLater();
    return connection;
  }

  disconnect(connection: ServerConnection): void {
    connection.stop();
    this.#connections.delete(connection);
  }

  /** Without a word: what was not committed did not happen, what was is not answered. The sockets are the network's. */
  crash(): void {
    this.#life++;
    this.isUp = false;
    this.#lane = [];
    this.#isWriting = false;
    this.#isPolling = false;
    this.#isTicking = false;
    for (const connection of this.#connections) connection.kill();
    this.#connections.clear();
    for (const work of this.#atCrash.splice(0)) work();
  }

  start(): void {
    this.isUp = true;
  }

  /** Called once, when this life of the process ends. */
  whenCrashed(work: () => void): void {
    this.#atCrash.push(work);
    if (this.#atCrash.length > 1_000) this.#atCrash.splice(0, 500);
  }

  /** One step of the database. */
  query(what: string, done: () => void, failed: (code: ErrorCode) => void): void {
    const life = this.#life;
    const fails = this.#dice.chance(this.#server.weather.failure);
    this.#server.timeline.after(this.#delay(), () => {
      if (life !== this.#life) return;
      if (!fails) return done();
      this.#server.witness.note(`node ${this.index}: ${what} failed`);
      failed('unavailable');
    });
  }

  authenticate(token: string): Principal | ErrorCode {
    return this.#server.authenticate(token);
  }

  openReplica(principal: Principal, id: DeviceId): Replica | ErrorCode {
    return id === principal.device.id ? principal.device : this.#server.claimDevice(principal, id);
  }

  readOpened({ userId, tokenExpiresAt }: Principal, replica: Replica, hello: Hello): Opened | null {
    const log = this.logOf(userId);
    if (log === null) return null;
    const { epoch, seq, floor, live, clock } = log.head;
    const shared = log.sharedWith(hello.epoch);
    return { epoch, head: seq, floor, live, shared, lastCounter: clock.get(replica.ordinal) ?? 0, tokenExpiresAt };
  }

  touchDevice(userId: UserId, replica: Replica, cursor: number): void {
    const log = this.logOf(userId);
    const device = log?.image.devices.get(replica.id);
    // By its ordinal: after a restored backup another device may have it.
    if (log !== null && device?.ordinal === replica.ordinal) log.setDevice({ ...device, cursor, lastSeenAt: this.now() });
  }

  /** The one write path: one lane, what waits is a group. */
  submit(request: AppendRequest, done: (result: AppendResult) => void, failed: (code: ErrorCode) => void): void {
    this.#lane.push({ request, done, failed });
    this.#writeLater();
  }

  closeEnded(): void {
    for (const connection of this.#connections) {
      const { principal, replica } = connection;
      if (principal === null) continue;
      const isRevoked = replica !== null && this.logOf(principal.userId)?.image.devices.get(replica.id)?.isRevoked === true;
      if (isRevoked) connection.end('device_revoked');
      else if (this.#server.sessions.get(principal.sessionId)?.isEnded === true) connection.end('unauthorized');
    }
  }

  /** SYN-10: the heads are read again, so that what other processes commit arrives too. */
  pollLater(): void {
    if (this.#isPolling || !this.isUp || this.#server.options.mutant?.isDeafToPolls === true) return;
    this.#isPolling = true;
    const life = this.#life;
    const { pollMs } = this.#server.options;
    this.#server.timeline.after(pollMs - (this.#server.timeline.now % pollMs), () => {
      if (life !== this.#life) return;
      this.#isPolling = false;
      for (const connection of this.#connections) {
        const userId = connection.principal?.userId;
        const head = userId === undefined ? undefined : this.logOf(userId)?.head.seq;
        if (connection.isListening && head !== undefined) connection.hint(head);
      }
    });
  }

  #delay(): number {
    const { minDelayMs, maxDelayMs } = this.#server.weather;
    return this.#dice.between(minDelayMs, maxDelayMs);
  }

  #writeLater(): void {
    if (this.#isWriting || this.#lane.length === 0) return;
    this.#isWriting = true;
    // What a collection takes away, another request of the same transaction might write: it is alone in its group.
    const collects = this.#lane.findIndex(({ request }) => request.kind === 'collect');
    const group = this.#lane.splice(0, collects === -1 ? this.#lane.length : Math.max(1, collects));
    const failAll = (code: ErrorCode): void => {
      this.#isWriting = false;
      for (const { failed } of group) failed(code);
      this.#writeLater();
    };
    this.query('append', () => this.#write(group, failAll), failAll);
  }

  /** The commit, and some time later this process hears of it. */
  #write(group: readonly Lane[], failAll: (code: ErrorCode) => void): void {
    const answers: (() => void)[] = [];
    const commits: { readonly userId: UserId; readonly commit: Commit }[] = [];
    for (const [userId, own] of byUser(group)) {
      const log = this.logOf(userId);
      if (log === null) {
        for (const { done } of own) answers.push(() => done({ kind: 'unknown_user' }));
        continue;
      }
      const commit = log.append(
        own.map(({ request }) => request),
        this.now(),
      );
      own.forEach(({ done }, index) => {
        const result = commit.plan.results[index];
        if (result !== undefined) answers.push(() => done(result));
      });
      if (commit.plan.events.length === 0) continue;
      commits.push({ userId, commit });
      this.#server.witness.committed(userId, commit);
    }
    for (const node of this.#server.nodes) if (commits.length > 0 && node !== this) node.pollLater();
    const isLost = this.#dice.chance(this.#server.weather.lostCommit);
    const life = this.#life;
    this.#server.timeline.after(this.#delay(), () => {
      if (life !== this.#life) return;
      if (isLost) {
        this.#server.witness.note(`node ${this.index}: the answer of a commit was lost`);
        this.pollLater();
        return failAll('unavailable');
      }
      for (const { userId, commit } of commits) this.#tell(userId, commit);
      this.#isWriting = false;
      for (const answer of answers) answer();
      this.#writeLater();
    });
  }

  #tell(userId: UserId, commit: Commit): void {
    for (const connection of this.#connections)
      if (connection.isListening && connection.principal?.userId === userId) connection.committed(commit);
  }

  #tickLater(): void {
    if (this.#isTicking || this.#connections.size === 0) return;
    this.#isTicking = true;
    const life = this.#life;
    this.#server.timeline.after(this.#server.options.tickMs, () => {
      if (life !== this.#life) return;
      this.#isTicking = false;
      for (const connection of this.#connections) connection.tick();
      this.#tickLater();
    });
  }
}

function byUser(group: readonly Lane[]): Map<UserId, Lane[]> {
  const groups = new Map<UserId, Lane[]>();
  for (const waiting of group) {
    const { userId } = waiting.request;
    groups.set(userId, [...(groups.get(userId) ?? []), waiting]);
  }
  return groups;
}
