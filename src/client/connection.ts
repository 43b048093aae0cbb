/**
 * The connection of the leading tab: carries out the life cycle. On the way into a state it opens or closes the transport and
 * sets the one timer that ends that state if nothing else does (SYN-10); frames become steps of the replica, one after the
 * other, each committed before it is confirmed.
 */
import type { LogEvent } from '../core/event.ts';
import type { DeviceId } from '../core/ids.ts';
import type { ClientFrame, ServerFrame } from '../protocol/frames.ts';
import { DeviceSession, type Reaction } from '../sync/device-session.ts';
import type { OutboxOp } from '../sync/replica-change.ts';
import type { ReplicaStep, StepResult } from '../sync/replica-step.ts';
import { backoffMs } from './backoff.ts';
import { type ConnectionTiming, defaultTiming } from './connection-timing.ts';
import type { ClientEnvironment } from './environment.ts';
import { type LifeCycleEvent, type LifeCycleState, nextState } from './life-cycle.ts';
import type { LocalReplica } from './local-replica.ts';
import { ResetGuard } from './reset-guard.ts';
import type { Status, StuckReason } from './status.ts';
import { Timers } from './timers.ts';
import { expiryOf, renewAfterMs } from './token-renewal.ts';
import type { Transport, TransportEnd, TransportEvents } from './transport.ts';
import { TransportChoice } from './transport-choice.ts';

/** Why a token is asked for: `refused` means that the one given before is of no more use. */
export type TokenReason = 'start' | 'expiring' | 'refused';

export interface ConnectionDeps {
  readonly environment: ClientEnvironment;
  readonly replica: LocalReplica;
  /** Null: there is nobody logged in. */
  readonly getToken: (reason: TokenReason) => Promise<string | null>;
  /** Events among which are those of these ops that the log holds, with the devices' own stamps. @throws Error when the server cannot be asked. */
  readonly findOps: (ops: readonly OutboxOp[]) => Promise<readonly LogEvent[]>;
  /** After every change of what `status` tells. */
  readonly onStatus: () => void;
  /** A step of the log was taken in. */
  readonly onStep: (step: ReplicaStep, result: StepResult) => void;
}

export interface ConnectionOptions {
  /** `https://host` */
  readonly url: string;
  readonly deflate: boolean;
  readonly timing?: Partial<ConnectionTiming>;
}

const beginsAgain: Readonly<Record<NonNullable<Reaction['reconnect']>, string>> = {
  forked: 'a copy of this device writes with its id: it goes on under another one',
  diverged: 'the state hash differs from the server: everything is fetched again',
  forgotten: 'the server went back to an earlier state: what it lost is offered again',
};

type Stuck = NonNullable<Status['stuck']>;
/** `state` ends the present state when nothing else does. */
type TimerName = 'state' | 'ping' | 'token' | 'retry';

export class Connection {
  readonly #deps: ConnectionDeps;
  readonly #options: ConnectionOptions;
  readonly #timing: ConnectionTiming;
  readonly #resetGuard: ResetGuard;
  readonly #choice: TransportChoice;
  readonly #timers: Timers<TimerName>;
  #state: LifeCycleState = 'following';
  #transport: Transport | null = null;
  #session: DeviceSession | null = null;
  /** Frames are handled one after the other; those of an earlier connection are dropped. */
  #work: Promise<void> = Promise.resolve();
  #generation = 0;
  /** The connection on which the server is being asked. */
  #lookingUp: number | null = null;
  #failures = 0;
  /** What the server asked for when it ended the connection. */
  #comeBackAfterMs: number | null = null;
  #tokenReason: TokenReason = 'start';
  #stuck: Stuck | null = null;
  /** The watchdog fired, and nothing has moved since. */
  #isStalled = false;
  #isRevoked = false;
  #lastSyncAt: number | null = null;
  #clockOffsetMs: number | null = null;
  #resets = 0;
  #repairs = 0;

  constructor(deps: ConnectionDeps, options: ConnectionOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
    this.#resetGuard = new ResetGuard(deps.environment);
    this.#timers = new Timers(deps.environment);
    const { pollMs, welcomeMs: requestMs } = this.#timing;
    this.#choice = new TransportChoice(deps.environment, { url: options.url, pollMs, requestMs });
  }

  get status(): Status {
    const { mirror } = this.#deps.replica;
    const isWelcomed = this.#state === 'syncing' || this.#state === 'live';
    return {
      state: this.#state,
      online: isWelcomed,
      behind: isWelcomed && this.#session !== null ? Math.max(0, this.#session.head - mirror.cursor) : null,
      outbox: mirror.outbox.length,
      lastSyncAt: this.#lastSyncAt,
      transport: isWelcomed ? (this.#transport?.kind ?? null) : null,
      isLeader: this.#state !== 'following',
      stuck: this.#stuck,
      clockOffsetMs: this.#clockOffsetMs,
      repairs: this.#repairs,
      resets: this.#resets,
    };
  }

  /** `lead`, `follow`, `nudge` and `close` come from outside; so do `online` and `offline`. */
  dispatch(event: LifeCycleEvent, stuck: Stuck | null = null): void {
    const before = this.#state;
    const after = nextState(before, event);
    if (stuck !== null && before !== 'closed' && before !== 'following') this.#stuck = stuck;
    if (after !== before) {
      this.#state = after;
      this.#enter(after, before);
    }
    if (after !== before || stuck !== null) this.#deps.onStatus();
  }

  /** Local ops go out. */
  flush(): void {
    this.#send(this.#session?.flush() ?? []);
    this.#lookAround();
  }

  #enter(state: LifeCycleState, from: LifeCycleState): void {
    this.#timers.clear('state');
    switch (state) {
      case 'connecting':
        if (!this.#deps.environment.isOnline() && from !== 'offline') return this.dispatch('offline');
        return void this.#connect();
      case 'syncing':
        // A connection is no progress yet: who reads the status between two attempts should not think that all is well.
        this.#stuck = this.#isStalled ? this.#noProgress() : null;
        return this.#watchProgress();
      case 'live':
        this.#failures = 0;
        this.#isStalled = false;
        this.#stuck = null;
        return;
      case 'waiting':
        return this.#wait();
      case 'parked':
        this.#disconnect();
        return this.#timers.arm('state', () => this.dispatch('due'), this.#timing.parkMs);
      case 'offline':
        this.#disconnect();
        this.#stuck = { reason: 'offline', detail: 'the browser says that there is no network', until: null };
        return this.#timers.arm('state', () => this.dispatch('due'), this.#timing.parkMs);
      case 'following':
        this.#stuck = null;
        return this.#disconnect();
      case 'closed':
        this.#resetGuard.stop();
        return this.#disconnect();
    }
  }

  #wait(): void {
    this.#disconnect();
    const { random, now } = this.#deps.environment;
    const isFull = this.#stuck?.reason === 'storage_full';
    const askedMs = this.#comeBackAfterMs;
    this.#comeBackAfterMs = null;
    // A server that leaves in order is no failure: another one is there.
    if (askedMs === null) this.#failures++;
    const ms = askedMs ?? backoffMs(isFull ? 8 : this.#failures, random());
    const { reason, detail } = this.#stuck ?? { reason: 'unreachable', detail: 'the server could not be reached' };
    this.#stuck = { reason, detail, until: now() + ms };
    this.#timers.arm('state', () => this.dispatch('due'), ms);
  }

  async #connect(): Promise<void> {
    const generation = ++this.#generation;
    const isCurrent = (): boolean => generation === this.#generation && this.#state === 'connecting';
    this.#timers.arm('state', () => this.#onNoWelcome(), this.#timing.welcomeMs);
    try {
      if (this.#isRevoked) await this.#forkRevoked();
      const token = await this.#deps.getToken(this.#tokenReason);
      if (!isCurrent()) return;
      if (token === null) return this.#park('unauthorized', 'nobody is logged in: give a token, then call syncNow', null);
      this.#open(token, generation);
    } catch (error) {
      if (isCurrent()) this.#onFailure(error, 'unreachable');
    }
  }

  #onNoWelcome(): void {
    this.#choice.noteFailure(this.#transport);
    this.#lose('unreachable', 'the server did not answer in time');
  }

  /** A revoked id is refused for ever; the person logged in again, and what waits goes out under another one. */
  async #forkRevoked(): Promise<void> {
    await this.#deps.replica.perform({ kind: 'fork', device: this.#newDeviceId() });
    this.#isRevoked = false;
  }

  #open(token: string, generation: number): void {
    const { environment, replica } = this.#deps;
    const view = {
      get meta() {
        return replica.mirror.meta;
      },
      get outbox() {
        return replica.mirror.outbox;
      },
    };
    const session = new DeviceSession(view, { token, deflate: this.#options.deflate, newDeviceId: () => this.#newDeviceId() });
    const isCurrent = (): boolean => generation === this.#generation;
    const events: TransportEvents = {
      // Behind what an earlier connection has still under way: HELLO tells how far the replica is.
      onOpen: () => isCurrent() && this.#enqueue(generation, async () => this.#send([session.hello(environment.now())])),
      onFrame: (read) => isCurrent() && this.#enqueue(generation, () => this.#onFrame(session, read())),
      onEnd: (end) => isCurrent() && this.#enqueue(generation, async () => this.#onEnd(end)),
    };
    this.#session = session;
    this.#transport = this.#choice.open(events);
    if (this.#transport.kind === 'http') this.#timers.arm('retry', () => this.#retrySocket(), this.#timing.retrySocketMs);
  }

  #retrySocket(): void {
    this.#choice.retrySocket();
    if (this.#transport?.kind === 'http') this.#lose('unreachable', 'a socket is tried again');
  }

  #enqueue(generation: number, work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (generation !== this.#generation) return;
      try {
        await work();
      } catch (error) {
        if (generation === this.#generation) this.#onFailure(error, 'server_error');
      }
    });
  }

  async #onFrame(session: DeviceSession, frame: ServerFrame | null): Promise<void> {
    if (frame === null) return;
    this.#armPing();
    // Told again by every PONG: the device's clock may be set meanwhile, and tokens are renewed by the server's.
    if ((frame.type === 'WELCOME' || frame.type === 'PONG') && frame.now !== undefined)
      this.#clockOffsetMs = frame.now - this.#deps.environment.now();
    if (frame.type === 'RESET') {
      this.#resets++;
      if (this.#resetGuard.isTooMany()) return this.#park('too_many_resets', `the server said ${frame.code} again and again`);
      // Until WELCOME comes again nothing is known, and nothing goes out.
      this.dispatch('behind');
    }
    await this.#carryOut(session, session.receive(frame));
    // It may have ended the connection.
    if (this.#session !== session) return;
    if (frame.type === 'WELCOME' && session.isWelcomed) this.#onWelcomed(session);
    this.#lookAround();
  }

  async #carryOut(session: DeviceSession, reaction: Reaction): Promise<void> {
    const generation = this.#generation;
    const { replica, environment, onStep } = this.#deps;
    // What is left to do on this connection takes a while, and is not the end of it.
    if (reaction.reconnect !== undefined) this.dispatch('behind');
    for (const step of reaction.steps) {
      const result = await replica.perform(step);
      onStep(step, result);
      if (generation !== this.#generation) return;
      if (hasMoved(step, result)) this.#onMoved();
      await this.#carryOut(session, session.done(step, result, environment.now()));
    }
    if (generation !== this.#generation) return;
    this.#send(reaction.send);
    if (reaction.lookUp === true) void this.#lookUp(session);
    if (reaction.reconnect !== undefined) return this.#startOver(reaction.reconnect);
    if (reaction.error !== undefined) this.#onErrorFrame(reaction.error.code, reaction.error.detail);
  }

  /** Frames go on meanwhile; only the ops wait. */
  async #lookUp(session: DeviceSession): Promise<void> {
    const generation = this.#generation;
    if (this.#lookingUp === generation) return;
    this.#lookingUp = generation;
    const { replica, findOps } = this.#deps;
    try {
      const known = await findOps(replica.mirror.outbox.filter(({ origin }) => origin !== undefined));
      this.#enqueue(generation, async () => {
        await this.#carryOut(session, { steps: [{ kind: 'release', known }], send: [] });
        this.#lookAround();
      });
    } catch (error) {
      if (generation === this.#generation) this.#onFailure(error, 'server_error');
    } finally {
      if (this.#lookingUp === generation) this.#lookingUp = null;
    }
  }

  #onWelcomed(session: DeviceSession): void {
    this.#choice.noteSuccess(this.#transport);
    this.#tokenReason = 'start';
    this.#isRevoked = false;
    if (session.welcome !== null) this.#renewTokenAfter(session.welcome.tokenExpiresAt - session.welcome.now);
    this.dispatch('welcomed');
  }

  #startOver(why: NonNullable<Reaction['reconnect']>): void {
    if (why === 'diverged') this.#repairs++;
    if (this.#resetGuard.isTooMany()) return this.#park('too_many_resets', beginsAgain[why]);
    // No failure of the network, so nothing to back off from; the guard above bounds it.
    this.#failures = 0;
    this.#lose('begins_again', beginsAgain[why]);
  }

  /** What is caught up, or is not any more, after a frame or a local write. */
  #lookAround(): void {
    const session = this.#session;
    if (session?.isOutdated === true)
      return this.#lose('begins_again', 'another tab goes on under another id, or with another log');
    if (session?.isWelcomed === true) this.dispatch(session.isCaughtUp ? 'caughtUp' : 'behind');
    if (this.#state === 'live') this.#lastSyncAt = this.#deps.environment.now();
    this.#deps.onStatus();
  }

  #onErrorFrame(code: string, detail: string): void {
    switch (code) {
      case 'unauthorized':
      case 'device_revoked':
        // The socket is closed with the code that says it.
        return;
      case 'unsupported_protocol':
        return this.#park('unsupported_protocol', detail);
      case 'counter_gap':
        return;
      default:
        return this.#lose('server_error', `${code}: ${detail}`);
    }
  }

  #onEnd({ code, detail }: TransportEnd): void {
    // A close code of the protocol came from the server, so frames do pass.
    this.#comeBackAfterMs = code === 1001 ? comeBackAfterMs(detail) : null;
    if (this.#state === 'connecting' && (code ?? 0) < 4_000 && this.#comeBackAfterMs === null)
      this.#choice.noteFailure(this.#transport);
    if (code === 4403) {
      this.#isRevoked = true;
      return this.#park('device_revoked', 'this device was revoked: log in again, then call syncNow', null);
    }
    if (code === 4401) {
      const wasRefused = this.#tokenReason === 'refused';
      this.#tokenReason = 'refused';
      if (wasRefused) return this.#lose('unauthorized', 'the token is not accepted: log in again');
    }
    this.#lose('unreachable', detail === '' ? `the connection ended (${code ?? 'no code'})` : detail);
  }

  #onFailure(error: unknown, reason: StuckReason): void {
    const detail = error instanceof Error ? error.message : String(error);
    // By name: a store may come from a bundle of its own.
    const name = error instanceof Error ? error.name : '';
    if (name === 'StorageLost') return this.#park('storage_lost', detail);
    this.#lose(name === 'StorageFull' ? 'storage_full' : reason, detail);
  }

  #lose(reason: StuckReason, detail: string): void {
    this.dispatch('lost', { reason, detail, until: null });
  }

  /** @param untilMs when it tries by itself; null: only when somebody acts. */
  #park(reason: StuckReason, detail: string, untilMs: number | null = this.#timing.parkMs): void {
    const until = untilMs === null ? null : this.#deps.environment.now() + untilMs;
    this.dispatch('park', { reason, detail, until });
    if (untilMs === null) this.#timers.clear('state');
  }

  #onMoved(): void {
    this.#isStalled = false;
    this.#stuck = null;
    this.#watchProgress();
  }

  #onStalled(): void {
    this.#isStalled = true;
    this.dispatch('lost', this.#noProgress());
  }

  #noProgress(): Stuck {
    return { reason: 'no_progress', detail: `nothing moved for ${this.#timing.progressMs / 1_000} s`, until: null };
  }

  #watchProgress(): void {
    if (this.#state !== 'syncing') return;
    this.#timers.arm('state', () => this.#onStalled(), this.#timing.progressMs);
  }

  #armPing(): void {
    this.#timers.arm('ping', () => this.#ping(), this.#timing.pingMs);
  }

  /** Silence: is anybody there? An answer is a frame, and arms the next ping. */
  #ping(): void {
    this.#send([{ type: 'PING' }]);
    this.#timers.arm('ping', () => this.#lose('unreachable', 'the server did not answer a ping'), this.#timing.pongMs);
  }

  #renewTokenAfter(lifeMs: number): void {
    this.#timers.arm('token', () => void this.#renewToken(), renewAfterMs(lifeMs));
  }

  /** SYN-9: on the open connection. When it fails, the server ends the connection at the token's end, and the next asks anew. */
  async #renewToken(): Promise<void> {
    const generation = this.#generation;
    const token = await this.#deps.getToken('expiring').catch(() => null);
    if (generation !== this.#generation || token === null) return;
    this.#send([{ type: 'AUTH', token }]);
    this.#renewTokenAfter(this.#tokenLifeMs(token));
  }

  #tokenLifeMs(token: string): number {
    const expiresAt = expiryOf(token);
    return expiresAt === null ? 600_000 : expiresAt - (this.#deps.environment.now() + (this.#clockOffsetMs ?? 0));
  }

  #send(frames: readonly ClientFrame[]): void {
    for (const frame of frames) this.#transport?.send(frame);
  }

  #disconnect(): void {
    this.#generation++;
    this.#transport?.close();
    this.#transport = null;
    this.#session = null;
    this.#timers.clear('ping', 'token', 'retry');
  }

  #newDeviceId(): DeviceId {
    return this.#deps.environment.newId() as DeviceId;
  }
}

/** `…; retry-after-ms=250` as the reason of close code 1001. Null: nothing that can be believed. */
function comeBackAfterMs(reason: string): number | null {
  const asked = /\bretry-after-ms=(\d{1,5})$/.exec(reason)?.[1];
  return asked === undefined ? null : Number(asked);
}

/** Something came, or something of ours was taken: the watchdog starts anew. */
const hasMoved = (step: ReplicaStep, { events, acknowledged }: StepResult): boolean =>
  step.kind === 'snapshot' || events.length > 0 || acknowledged.length > 0;
