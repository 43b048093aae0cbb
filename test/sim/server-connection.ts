/** The server's end of one socket: carries out what the real session decides, as edge/ws-connection does, in virtual time. */
import type { ErrorCode } from '../../src/core/errors.ts';
import { packDelta, packServerFrame, unpackClientFrame } from '../../src/protocol/binary-codec.ts';
import type { Hello, Push } from '../../src/protocol/frames.ts';
import { MalformedValue } from '../../src/protocol/packed-values.ts';
import type { AppendResult, Replica } from '../../src/server/command/append-request.ts';
import { openSession, type SessionLimits, type SessionState, step } from '../../src/sync/server-session.ts';
import type { Effect, Input, PushAnswer } from '../../src/sync/session-io.ts';
import type { ConnectionNode, Principal } from './connection-node.ts';
import type { Commit, LogPiece, VolatileLog } from './volatile-log.ts';

/** What the connection asks of the network below it. */
export interface ServerSocket {
  send(frame: Uint8Array): void;
  close(code: number, reason: string): void;
  /** Frames of the device wait in the network until `resume`. */
  pause(): void;
  resume(): void;
}

export interface ConnectionLimits extends SessionLimits {
  readonly pageEvents: number;
  /** PUSH frames being appended, past which the socket is not read. */
  readonly maxPending: number;
  /** How often a device's progress is written down, ms. */
  readonly touchEveryMs: number;
}

export class ServerConnection {
  readonly #node: ConnectionNode;
  readonly #socket: ServerSocket;
  readonly #limits: ConnectionLimits;
  #state: SessionState;
  #principal: Principal | null = null;
  #replica: Replica | null = null;
  #isListening = false;
  /** Frames that came while HELLO was being answered. */
  readonly #waiting: Uint8Array[] = [];
  #pending = 0;
  #outgoingBytes = 0;
  #cursor = 0;
  #touchedAt = 0;

  constructor(node: ConnectionNode, socket: ServerSocket, limits: ConnectionLimits) {
    this.#node = node;
    this.#socket = socket;
    this.#limits = limits;
    this.#state = openSession(node.now());
  }

  get principal(): Principal | null {
    return this.#principal;
  }

  get replica(): Replica | null {
    return this.#replica;
  }

  get isListening(): boolean {
    return this.#isListening && this.#state.phase !== 'closed';
  }

  receive(data: Uint8Array): void {
    if (this.#state.phase === 'opening') {
      this.#waiting.push(data);
      return this.#throttle();
    }
    try {
      const frame = unpackClientFrame(data);
      // A server of another version reads this frame and refuses it.
      const isRefused = frame.type === 'HELLO' && this.#node.refusesProtocol;
      this.#input({ kind: 'frame', frame: isRefused ? { ...frame, protocol: 0 } : frame, now: this.#node.now() });
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      this.#input({ kind: 'malformed', code: 'invalid_frame', detail: `${error.path} ${error.message}`.trim() });
    }
  }

  /** The network took bytes that waited for it. */
  taken(bytes: number): void {
    this.#outgoingBytes -= bytes;
    if (!this.#state.congested || this.#outgoingBytes >= this.#limits.maxBufferedBytes / 2) return;
    this.#input({ kind: 'drained' });
    this.#throttle();
  }

  committed(commit: Commit): void {
    if (this.#replica !== null) this.#input({ kind: 'committed', piece: commit.pieceFor(this.#replica.ordinal) });
  }

  hint(head: number): void {
    this.#input({ kind: 'hint', head });
  }

  tick(): void {
    this.#input({ kind: 'tick', now: this.#node.now() });
  }

  /** The session ended elsewhere: logout, revocation. */
  end(code: ErrorCode): void {
    this.#input({ kind: 'refused', code });
  }

  /** The socket is gone. */
  stop(): void {
    if (this.#state.phase !== 'closed') this.#touch();
    this.#state = { ...this.#state, phase: 'closed' };
    this.#isListening = false;
  }

  /** The process is gone: nothing more is written down. */
  kill(): void {
    this.#state = { ...this.#state, phase: 'closed' };
    this.#isListening = false;
  }

  get #log(): VolatileLog | null {
    return this.#principal === null ? null : this.#node.logOf(this.#principal.userId);
  }

  #input(input: Input<LogPiece>): void {
    const { state, effects } = step(this.#state, input, this.#limits);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect<LogPiece>): void {
    switch (effect.kind) {
      case 'open':
        return this.#open(effect.hello);
      case 'authenticate':
        return this.#authenticate(effect.auth.token);
      case 'append':
        return this.#append(effect.push);
      case 'load':
        return this.#load(effect.from);
      case 'loadSnapshot':
        return this.#loadSnapshot(effect);
      case 'send':
        return this.#send(packServerFrame(effect.frame));
      case 'sendDelta':
        return this.#send(packDelta(effect.header, effect.piece));
      case 'progress':
        return this.#progress(effect.cursor);
      case 'close':
        return this.#socket.close(effect.closeCode, effect.reason);
    }
  }

  /** As in edge/ws-connection: authenticate, find the device, listen, and only then read the head. */
  #open(hello: Hello): void {
    const refuse = (code: ErrorCode): void => {
      this.#input({ kind: 'refused', code });
      this.#takeWaiting();
    };
    this.#node.query(
      'authenticate',
      () => {
        const principal = this.#node.authenticate(hello.token ?? '');
        if (typeof principal === 'string') return refuse(principal);
        this.#principal = principal;
        this.#node.query('open device', () => this.#openReplica(principal, hello, refuse), refuse);
      },
      refuse,
    );
  }

  #openReplica(principal: Principal, hello: Hello, refuse: (code: ErrorCode) => void): void {
    const replica = this.#node.openReplica(principal, hello.device);
    if (typeof replica === 'string') return refuse(replica);
    if (this.#state.phase === 'closed') return;
    this.#replica = replica;
    this.#isListening = true;
    this.#node.query(
      'read head',
      () => {
        const opened = this.#node.readOpened(principal, replica, hello);
        if (opened === null) return refuse('unauthorized');
        this.#input({ kind: 'opened', opened, now: this.#node.now() });
        this.#takeWaiting();
      },
      refuse,
    );
  }

  #takeWaiting(): void {
    for (const data of this.#waiting.splice(0)) this.receive(data);
    this.#throttle();
  }

  #authenticate(token: string): void {
    const refuse = (code: ErrorCode): void => this.#input({ kind: 'refused', code });
    this.#node.query(
      'authenticate',
      () => {
        const principal = this.#node.authenticate(token);
        if (typeof principal === 'string') return refuse(principal);
        if (principal.userId !== this.#principal?.userId) return refuse('unauthorized');
        this.#principal = principal;
        this.#input({ kind: 'authenticated', tokenExpiresAt: principal.tokenExpiresAt });
      },
      refuse,
    );
  }

  #append(push: Push): void {
    const { firstCounter, base, ops } = push;
    const device = this.#replica;
    const userId = this.#principal?.userId;
    if (device === null || userId === undefined) return this.#pushed({ kind: 'failed', code: 'unauthorized' });
    this.#pending++;
    this.#throttle();
    const failed = (code: ErrorCode): void => this.#pushed({ kind: 'failed', code });
    this.#node.submit(
      { kind: 'push', userId, device, firstCounter, base, ops },
      (result) => this.#answerPush(push, device, result),
      failed,
    );
  }

  #answerPush(push: Push, device: Replica, result: AppendResult): void {
    if (result.kind === 'counter_gap' || result.kind === 'cursor_ahead') return this.#pushed(result);
    if (result.kind !== 'pushed') return this.#pushed({ kind: 'failed', code: 'unauthorized' });
    const { acked, head, replayed } = result;
    if (replayed === null) return this.#pushed({ kind: 'pushed', acked, head, fresh: push.ops.length, replayedFrom: null });
    const fresh = push.ops.length - (replayed.last - replayed.first + 1);
    this.#node.query(
      'find dot',
      () => {
        const replayedFrom = this.#log?.seqOfDot(device.ordinal, replayed.first) ?? null;
        this.#pushed({ kind: 'pushed', acked, head, fresh, replayedFrom });
      },
      (code) => this.#pushed({ kind: 'failed', code }),
    );
  }

  #pushed(answer: PushAnswer): void {
    this.#pending = Math.max(0, this.#pending - 1);
    this.#input({ kind: 'pushed', answer });
    this.#throttle();
  }

  #load(from: number): void {
    this.#node.query(
      'load delta',
      () => {
        const log = this.#log;
        if (log === null || this.#replica === null) return this.#input({ kind: 'refused', code: 'unauthorized' });
        this.#input({ kind: 'loaded', piece: log.readPiece(from, this.#replica.ordinal, this.#limits.pageEvents) });
      },
      () => this.#input({ kind: 'loadFailed' }),
    );
  }

  #loadSnapshot({ after, limit }: Extract<Effect<LogPiece>, { kind: 'loadSnapshot' }>): void {
    this.#node.query(
      'load snapshot',
      () => {
        const memories = this.#log?.readPage(after, limit + 1) ?? [];
        this.#input({ kind: 'loadedSnapshot', memories: memories.slice(0, limit), isLast: memories.length <= limit });
      },
      () => this.#input({ kind: 'loadFailed' }),
    );
  }

  #send(frame: Uint8Array): void {
    this.#outgoingBytes += frame.length;
    this.#socket.send(frame);
    if (this.#outgoingBytes <= this.#limits.maxBufferedBytes || this.#state.congested) return;
    this.#input({ kind: 'congested' });
    this.#throttle();
  }

  /** A device that does not read what it is sent is not read either. */
  #throttle(): void {
    const { maxPending } = this.#limits;
    if (this.#pending >= maxPending || this.#waiting.length >= maxPending || this.#state.congested) this.#socket.pause();
    else this.#socket.resume();
  }

  #progress(cursor: number): void {
    this.#cursor = cursor;
    if (this.#node.now() - this.#touchedAt > this.#limits.touchEveryMs) this.#touch();
  }

  #touch(): void {
    if (this.#principal === null || this.#replica === null) return;
    this.#touchedAt = this.#node.now();
    this.#node.touchDevice(this.#principal.userId, this.#replica, this.#cursor);
  }
}
