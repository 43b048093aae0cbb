/** One socket: carries out what the session decides, and feeds what comes of it back. All rules are in sync/server-session. */
import type { WebSocket } from 'ws';
import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { MemoryId } from '../../core/ids.ts';
import type { Hello, Push } from '../../protocol/frames.ts';
import { wireLimits } from '../../protocol/limits.ts';
import { MalformedValue } from '../../protocol/packed-values.ts';
import { hasFlag, isRepair, type Opened } from '../../sync/answer-hello.ts';
import { openSession, type SessionLimits, type SessionState, step } from '../../sync/server-session.ts';
import type { Effect, Input, PushAnswer } from '../../sync/session-io.ts';
import type { Access, Principal } from '../access/access.ts';
import type { Replica } from '../command/append-request.ts';
import type { Collector } from '../command/collector.ts';
import type { GroupCommit } from '../command/group-commit.ts';
import type { Hub } from '../fanout/hub.ts';
import { type Database, DatabaseUnavailable } from '../infra/database.ts';
import { readDelta, readSeqOfDot } from '../read/read-delta.ts';
import { readOpening } from '../read/read-opening.ts';
import { readSnapshot } from '../read/read-snapshot.ts';
import type { SyncMetrics } from './metrics.ts';
import { committedToPiece, type FrameForm, pageToPiece, type SyncPiece } from './sync-piece.ts';
import { deflateFrame, isWorthDeflating, readFrame, writeDelta, writeFrame } from './ws-frames.ts';

export interface ConnectionDeps {
  readonly db: Database;
  readonly hub: Hub;
  readonly append: GroupCommit;
  readonly access: Pick<Access, 'authenticate' | 'openReplica' | 'touchDevice'>;
  readonly collector: Pick<Collector, 'soon'>;
  readonly metrics: Pick<SyncMetrics, 'reset' | 'repair'>;
  readonly now: () => number;
  /** The device's state hash differed: for the log, without content. */
  readonly onRepair: () => void;
  /** A fault of ours, for the log: no content, no token. */
  readonly onFault: (error: unknown) => void;
}

export const sessionLimits: SessionLimits = {
  maxFrameBytes: wireLimits.maxFrameBytes,
  maxOps: wireLimits.maxOps,
  maxInFlight: wireLimits.maxInFlight,
  maxBufferedBytes: 1_048_576,
  snapshotMemories: wireLimits.snapshotMemories,
  helloTimeoutMs: 10_000,
  pingAfterMs: wireLimits.pingAfterMs,
  silenceMs: wireLimits.silenceMs,
  maxErrors: 20,
};

/** PUSH frames being appended, or frames waiting for HELLO's answer, past which the socket is not read. */
const maxPending = 16;
/** Ops being appended past which the socket is not read: what waits as bytes costs less than what waits as objects. */
const maxPendingOps = 2_000;
/** How long a socket may take to send what it owes when the server goes down, ms. */
const leaveWithinMs = 3_000;
/** How often a device's progress is written down, ms. */
const touchEveryMs = 30_000;

export class SyncConnection {
  readonly #deps: ConnectionDeps;
  readonly #socket: WebSocket;
  readonly #queryToken: string | null;
  #state: SessionState;
  #form: FrameForm = 'text';
  #principal: Principal | null = null;
  #replica: Replica | null = null;
  #stopListening: () => void = () => undefined;
  /** Frames that came while HELLO was being answered. */
  readonly #waiting: { readonly data: Buffer; readonly form: FrameForm }[] = [];
  #pending = 0;
  #pendingOps = 0;
  #deflates = false;
  /** Frames go out in order: one that is being deflated holds up those behind it. */
  #outgoing: Promise<void> | null = null;
  #outgoingBytes = 0;
  #cursor = 0;
  #touchedAt = 0;
  /** What is called when nothing is owed any more: the server is going down. */
  #leaving: (() => void) | null = null;

  constructor(deps: ConnectionDeps, socket: WebSocket, queryToken: string | null) {
    this.#deps = deps;
    this.#socket = socket;
    this.#queryToken = queryToken;
    this.#state = openSession(deps.now());
  }

  get principal(): Principal | null {
    return this.#principal;
  }

  get replica(): Replica | null {
    return this.#replica;
  }

  start(): void {
    this.#socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary ? 'binary' : 'text'));
    this.#socket.on('close', () => this.stop());
    this.#socket.on('error', () => this.stop());
  }

  tick(): void {
    this.#input({ kind: 'tick', now: this.#deps.now() });
  }

  /** The session ended elsewhere: logout, revocation. */
  end(code: ErrorCode): void {
    this.#input({ kind: 'refused', code });
  }

  /**
   * The server is going down. What was received is committed and acknowledged first, nothing more is read, and the device is told
   * when to come back. Resolves when the socket is closed from this side.
   */
  leave(retryAfterMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#leaving?.(), leaveWithinMs).unref();
      this.#leaving = () => {
        this.#leaving = null;
        clearTimeout(timer);
        this.#state = { ...this.#state, phase: 'closed' };
        this.#close(1001, `the server restarts; retry-after-ms=${retryAfterMs}`);
        // The other side's answer has to be read.
        this.#socket.resume();
        resolve();
      };
      this.#throttle();
      this.#leaveIfDone();
    });
  }

  stop(): void {
    this.#leaving?.();
    this.#stopListening();
    this.#state = { ...this.#state, phase: 'closed' };
    if (this.#replica !== null) this.#touch();
  }

  #receive(data: Buffer, form: FrameForm): void {
    if (this.#state.phase === 'opening') {
      this.#waiting.push({ data, form });
      return this.#throttle();
    }
    this.#form = form;
    if (data.length > sessionLimits.maxFrameBytes) {
      const detail = `${data.length} bytes; at most ${sessionLimits.maxFrameBytes}`;
      return this.#input({ kind: 'malformed', code: 'frame_too_large', detail });
    }
    try {
      this.#input({ kind: 'frame', frame: readFrame(data, form), now: this.#deps.now() });
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      this.#input({ kind: 'malformed', code: 'invalid_frame', detail: `${error.path} ${error.message}`.trim() });
    }
  }

  /** A fault of ours ends this socket; the append that told of it, and the other sockets, go on. */
  #input(input: Input<SyncPiece>): void {
    try {
      const { state, effects } = step(this.#state, input, sessionLimits);
      this.#state = state;
      for (const effect of effects) this.#carryOut(effect);
      this.#leaveIfDone();
    } catch (error) {
      this.#deps.onFault(error);
      this.#state = { ...this.#state, phase: 'closed' };
      this.#close(1011, 'internal_error');
    }
  }

  #carryOut(effect: Effect<SyncPiece>): void {
    switch (effect.kind) {
      case 'open':
        return void this.#open(effect.hello);
      case 'authenticate':
        return void this.#authenticate(effect.auth.token);
      case 'append':
        return void this.#append(effect.push);
      case 'load':
        return void this.#load(effect.from);
      case 'loadSnapshot':
        return void this.#loadSnapshot(effect.after, effect.limit);
      case 'send':
        if (effect.frame.type === 'RESET') this.#deps.metrics.reset(effect.frame.code);
        return this.#send(writeFrame(effect.frame, this.#form));
      case 'sendDelta':
        return this.#send(writeDelta(effect.header, effect.piece, this.#form));
      case 'progress':
        return this.#progress(effect.cursor);
      case 'close':
        return this.#close(effect.closeCode, effect.reason);
    }
  }

  async #open(hello: Hello): Promise<void> {
    try {
      const opened = await this.#openLog(hello);
      if (typeof opened === 'string') this.#input({ kind: 'refused', code: opened });
      else this.#onOpened(hello, opened);
    } catch (error) {
      this.#input({ kind: 'refused', code: this.#codeOf(error) });
    }
    for (const { data, form } of this.#waiting.splice(0)) this.#receive(data, form);
    this.#throttle();
  }

  #onOpened(hello: Hello, opened: Opened): void {
    this.#input({ kind: 'opened', opened, now: this.#deps.now() });
    if (this.#principal !== null && this.#state.phase === 'live') this.#deps.collector.soon(this.#principal.userId);
    if (!isRepair(hello)) return;
    this.#deps.metrics.repair();
    this.#deps.onRepair();
  }

  /** Listening begins before the head is read: what is committed in between arrives twice rather than never. */
  async #openLog(hello: Hello) {
    const { access, hub, db } = this.#deps;
    const authenticated = await access.authenticate(hello.token ?? this.#queryToken ?? '');
    if (!authenticated.ok) return authenticated.error;
    const principal = authenticated.value;
    // Known from here on, so that a logout during the rest of the way finds this socket.
    this.#principal = principal;
    const replica = await access.openReplica(principal, hello.device);
    if (!replica.ok) return replica.error;
    this.#replica = replica.value;
    const { ordinal } = replica.value;
    this.#deflates = hasFlag(hello, 'deflate');
    this.#stopListening();
    // The socket may have closed meanwhile, and nobody would stop listening.
    if (this.#state.phase === 'closed') return 'unauthorized' as const;
    this.#stopListening = hub.listen(principal.userId, {
      committed: (piece) => this.#input({ kind: 'committed', piece: committedToPiece(piece, ordinal) }),
      hint: (head) => this.#input({ kind: 'hint', head }),
    });
    const opening = await readOpening(db, principal.userId, { ordinal, epoch: hello.epoch });
    return opening === null ? ('unauthorized' as const) : { ...opening, tokenExpiresAt: principal.tokenExpiresAt };
  }

  async #authenticate(token: string): Promise<void> {
    try {
      const authenticated = await this.#deps.access.authenticate(token);
      if (!authenticated.ok) return this.#input({ kind: 'refused', code: authenticated.error });
      if (authenticated.value.userId !== this.#principal?.userId) return this.#input({ kind: 'refused', code: 'unauthorized' });
      this.#principal = authenticated.value;
      this.#input({ kind: 'authenticated', tokenExpiresAt: authenticated.value.tokenExpiresAt });
    } catch (error) {
      this.#input({ kind: 'refused', code: this.#codeOf(error) });
    }
  }

  async #append(push: Push): Promise<void> {
    this.#pending++;
    this.#pendingOps += push.ops.length;
    this.#throttle();
    this.#input({ kind: 'pushed', answer: await this.#push(push) });
    this.#pending--;
    this.#pendingOps -= push.ops.length;
    this.#throttle();
    this.#leaveIfDone();
  }

  async #push(push: Push): Promise<PushAnswer> {
    if (this.#principal === null || this.#replica === null) return { kind: 'failed', code: 'unauthorized' };
    const { userId } = this.#principal;
    try {
      const { firstCounter, base, ops } = push;
      const result = await this.#deps.append.submit({ kind: 'push', userId, device: this.#replica, firstCounter, base, ops });
      if (result.kind === 'counter_gap' || result.kind === 'cursor_ahead') return result;
      if (result.kind !== 'pushed') return { kind: 'failed', code: 'unauthorized' };
      const { acked, head, replayed } = result;
      if (replayed === null) return { kind: 'pushed', acked, head, fresh: ops.length, replayedFrom: null };
      const replayedFrom = await readSeqOfDot(this.#deps.db, userId, this.#replica.ordinal, replayed.first);
      return { kind: 'pushed', acked, head, fresh: ops.length - (replayed.last - replayed.first + 1), replayedFrom };
    } catch (error) {
      return { kind: 'failed', code: this.#codeOf(error) };
    }
  }

  async #load(from: number): Promise<void> {
    try {
      if (this.#principal === null || this.#replica === null) return;
      const page = await readDelta(this.#deps.db, { userId: this.#principal.userId, from, device: this.#replica.ordinal });
      this.#input(page === null ? { kind: 'refused', code: 'unauthorized' } : { kind: 'loaded', piece: pageToPiece(page) });
    } catch (error) {
      this.#codeOf(error);
      this.#input({ kind: 'loadFailed' });
    }
  }

  async #loadSnapshot(after: MemoryId | null, limit: number): Promise<void> {
    try {
      if (this.#principal === null) return;
      const page = await readSnapshot(this.#deps.db, { userId: this.#principal.userId, after, maxMemories: limit });
      this.#input({ kind: 'loadedSnapshot', ...page });
    } catch (error) {
      this.#codeOf(error);
      this.#input({ kind: 'loadFailed' });
    }
  }

  #send(frame: Uint8Array | string): void {
    this.#outgoingBytes += frame.length;
    if (this.#outgoing === null && !(this.#deflates && isWorthDeflating(frame))) this.#write(frame, frame.length);
    else this.#outgoing = this.#sendInOrder(this.#outgoing, frame);
    if (this.#outgoingBytes > sessionLimits.maxBufferedBytes && !this.#state.congested) {
      this.#input({ kind: 'congested' });
      this.#throttle();
    }
  }

  async #sendInOrder(before: Promise<void> | null, frame: Uint8Array | string): Promise<void> {
    const ready = this.#deflates && isWorthDeflating(frame) ? deflateFrame(frame) : frame;
    const [bytes] = await Promise.all([ready, before]);
    this.#write(bytes, frame.length);
  }

  #write(frame: Uint8Array | string, counted: number): void {
    this.#socket.send(frame, () => {
      this.#outgoingBytes -= counted;
      if (this.#outgoingBytes === 0) this.#outgoing = null;
      if (!this.#state.congested || this.#outgoingBytes >= sessionLimits.maxBufferedBytes / 2) return;
      this.#input({ kind: 'drained' });
      this.#throttle();
    });
  }

  #close(code: number, reason: string): void {
    const close = (): void => this.#socket.close(code, reason);
    if (this.#outgoing === null) close();
    else void this.#outgoing.then(close);
  }

  /** A device that does not read what it is sent is not read either: every frame of it may be owed an answer. */
  #throttle(): void {
    const isBusy =
      this.#pending >= maxPending ||
      this.#pendingOps >= maxPendingOps ||
      this.#waiting.length >= maxPending ||
      this.#state.congested ||
      this.#leaving !== null;
    if (isBusy) this.#socket.pause();
    else this.#socket.resume();
  }

  #leaveIfDone(): void {
    const { phase, head, sent, owed, loading } = this.#state;
    const isSettled = phase === 'new' || phase === 'closed' || (phase === 'live' && sent >= head && !owed && !loading);
    if (this.#pending === 0 && isSettled) this.#leaving?.();
  }

  #progress(cursor: number): void {
    this.#cursor = cursor;
    if (this.#deps.now() - this.#touchedAt > touchEveryMs) this.#touch();
  }

  #touch(): void {
    if (this.#principal === null || this.#replica === null) return;
    this.#touchedAt = this.#deps.now();
    this.#deps.access.touchDevice(this.#principal.userId, this.#replica.ordinal, this.#cursor).catch(this.#deps.onFault);
  }

  #codeOf(error: unknown): ErrorCode {
    if (error instanceof AppError) return error.code;
    if (error instanceof DatabaseUnavailable) return 'unavailable';
    this.#deps.onFault(error);
    return 'internal_error';
  }
}
