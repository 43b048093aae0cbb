/**
 * The server's side of one socket, as a pure state machine: (state, input) → state and effects. It never waits, never reads
 * a clock and never touches a socket; the edge carries the effects out and feeds their results back as inputs.
 *
 * `B` is a piece of the log as the edge holds it (stored bytes); the session only looks at where it begins and ends.
 */

import type { ErrorCode } from '../core/errors.ts';
import type { Epoch, MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { Auth, ClientFrame, Delta, DeltaHeader, Hello, Push, ResetCode, ServerFrame } from '../protocol/frames.ts';
import type { TellLimits } from '../protocol/limits.ts';
import { protocolVersion } from '../protocol/version.ts';

/** A contiguous piece of the log: events `from + 1` … `to`. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  /** The newest seq when it was read or committed. */
  readonly head: number;
  /** State hash at `to`, when `to` is the head. */
  readonly hash?: string;
  /** The last counter of this socket's device in the piece, 0 when it has none here. */
  readonly ownCounter: number;
  /** Of the stored events, for the buffer's sake. */
  readonly bytes: number;
}

/** What the log and the devices say of a HELLO. */
export interface Opened {
  readonly epoch: Epoch;
  readonly head: number;
  readonly floor: number;
  readonly lastCounter: number;
  readonly live: number;
  readonly tokenExpiresAt: number;
}

export type PushAnswer =
  /** `fresh`: events that the PUSH made. `replayedFrom`: the seq of its first op that the log held before. */
  | {
      readonly kind: 'pushed';
      readonly acked: number;
      readonly head: number;
      readonly fresh: number;
      readonly replayedFrom: number | null;
    }
  | { readonly kind: 'counter_gap'; readonly expected: number }
  | { readonly kind: 'cursor_ahead'; readonly head: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode };

export type Input<B extends Piece> =
  | { readonly kind: 'frame'; readonly frame: ClientFrame; readonly now: number }
  | { readonly kind: 'malformed'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'opened'; readonly opened: Opened; readonly now: number }
  /** HELLO or AUTH was refused: the socket ends. */
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  | { readonly kind: 'authenticated'; readonly tokenExpiresAt: number }
  | { readonly kind: 'pushed'; readonly answer: PushAnswer }
  | { readonly kind: 'loaded'; readonly piece: B }
  | { readonly kind: 'loadedSnapshot'; readonly memories: readonly Memory[] }
  | { readonly kind: 'loadFailed' }
  | { readonly kind: 'committed'; readonly piece: B }
  | { readonly kind: 'hint'; readonly head: number }
  /** The socket holds more than its bound; then: it has gone down again. */
  | { readonly kind: 'congested' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'tick'; readonly now: number };

export type Effect<B extends Piece> =
  /** Authenticate the HELLO, find or register its device, read the head. → opened, refused */
  | { readonly kind: 'open'; readonly hello: Hello }
  | { readonly kind: 'authenticate'; readonly auth: Auth }
  /** → pushed */
  | { readonly kind: 'append'; readonly push: Push }
  /** → loaded, loadFailed */
  | { readonly kind: 'load'; readonly from: number }
  | { readonly kind: 'loadSnapshot'; readonly after: MemoryId | null; readonly limit: number }
  | { readonly kind: 'send'; readonly frame: Exclude<ServerFrame, Delta> }
  | { readonly kind: 'sendDelta'; readonly header: DeltaHeader; readonly piece: B }
  /** The device has everything up to here: kept as its sync lag. */
  | { readonly kind: 'progress'; readonly cursor: number }
  | { readonly kind: 'close'; readonly closeCode: number; readonly reason: string };

/** Close codes of the socket, from the range that RFC 6455 leaves to applications. */
export const closeCodes = { unauthorized: 4401, revoked: 4403, helloTimeout: 4408, reset: 4409, tooManyErrors: 4400 } as const;

export interface SessionLimits extends TellLimits {
  /** Bytes handed to the socket and not yet taken by the network, past which nothing more is sent. */
  readonly maxBufferedBytes: number;
  readonly snapshotMemories: number;
  /** From the upgrade to HELLO, ms. */
  readonly helloTimeoutMs: number;
  /** Malformed frames before the socket is closed. */
  readonly maxErrors: number;
}

export interface SessionState {
  readonly phase: 'new' | 'opening' | 'live' | 'closed';
  readonly hello: Hello | null;
  readonly epoch: Epoch | null;
  readonly floor: number;
  readonly tokenExpiresAt: number;
  readonly openedAt: number;
  /** The newest seq known. */
  readonly head: number;
  /** Everything up to here was sent. */
  readonly sent: number;
  /** The `to` of DELTA frames not confirmed, oldest first. */
  readonly unconfirmed: readonly number[];
  readonly loading: boolean;
  readonly congested: boolean;
  /** The page that comes next of a snapshot that is being sent. */
  readonly snapshot: { readonly at: number; readonly after: MemoryId | null } | null;
  /** The device's last counter that the log is known to hold. */
  readonly acked: number;
  /** A DELTA is owed even when it holds no event: to a PUSH that brought nothing new, and after a snapshot. */
  readonly owed: boolean;
  readonly errors: number;
}

export function openSession(now: number): SessionState {
  return {
    phase: 'new',
    hello: null,
    epoch: null,
    floor: 0,
    tokenExpiresAt: Number.POSITIVE_INFINITY,
    openedAt: now,
    head: 0,
    sent: 0,
    unconfirmed: [],
    loading: false,
    congested: false,
    snapshot: null,
    acked: 0,
    owed: false,
    errors: 0,
  };
}

export interface Step<B extends Piece> {
  readonly state: SessionState;
  readonly effects: readonly Effect<B>[];
}

export function step<B extends Piece>(state: SessionState, input: Input<B>, limits: SessionLimits): Step<B> {
  if (state.phase === 'closed') return stay(state);
  switch (input.kind) {
    case 'frame':
      return onFrame(state, input.frame, input.now, limits);
    case 'malformed':
      return onMalformed(state, input, limits);
    case 'opened':
      return onOpened(state, input.opened, input.now, limits);
    case 'refused':
      return refuse(state, input.code);
    case 'authenticated':
      return stay({ ...state, tokenExpiresAt: input.tokenExpiresAt });
    case 'pushed':
      return onPushed(state, input.answer, limits);
    case 'loaded':
      return onLoaded(state, input.piece, limits);
    case 'loadedSnapshot':
      return onSnapshot(state, input.memories, limits);
    case 'loadFailed':
      // The next hint, commit or tick tries again (SYN-10).
      return stay({ ...state, loading: false });
    case 'committed':
      return onCommitted(state, input.piece, limits);
    case 'hint':
      return pump({ ...state, head: Math.max(state.head, input.head) }, limits);
    case 'congested':
      return stay({ ...state, congested: true });
    case 'drained':
      return pump({ ...state, congested: false }, limits);
    case 'tick':
      return onTick(state, input.now, limits);
  }
}

function onFrame<B extends Piece>(state: SessionState, frame: ClientFrame, now: number, limits: SessionLimits): Step<B> {
  if (frame.type === 'PING') return answer(state, { type: 'PONG', now });
  if (frame.type === 'PONG') return stay(state);
  if (frame.type === 'HELLO') return onHello(state, frame, limits);
  if (state.phase !== 'live') return onMalformed(state, { code: 'hello_expected', detail: `${frame.type} before HELLO` }, limits);
  switch (frame.type) {
    case 'AUTH':
      return { state, effects: [{ kind: 'authenticate', auth: frame }] };
    case 'GOT':
      return confirm(state, frame.to, limits);
    case 'PUSH': {
      // The base is the device's cursor: it confirms as GOT does.
      const confirmed = confirm<B>(state, frame.base, limits);
      return { state: confirmed.state, effects: [...confirmed.effects, { kind: 'append', push: frame }] };
    }
  }
}

function onHello<B extends Piece>(state: SessionState, hello: Hello, limits: SessionLimits): Step<B> {
  if (state.phase !== 'new') return onMalformed(state, { code: 'invalid_frame', detail: 'HELLO was said before' }, limits);
  if (hello.protocol !== protocolVersion) {
    const detail = `this server speaks protocol ${protocolVersion}`;
    return answer(state, { type: 'ERROR', code: 'unsupported_protocol', detail });
  }
  return { state: { ...state, phase: 'opening', hello }, effects: [{ kind: 'open', hello }] };
}

/** SYN-2, SYN-5: WELCOME and then what the device lacks, or RESET; after a RESET the device says HELLO again. */
function onOpened<B extends Piece>(state: SessionState, opened: Opened, now: number, limits: SessionLimits): Step<B> {
  const { hello } = state;
  if (hello === null) return stay(state);
  const { epoch, head, floor, lastCounter, live, tokenExpiresAt } = opened;
  const reset = findReset(hello, opened);
  if (reset !== null)
    return answer(
      { ...openSession(now), errors: state.errors },
      { type: 'RESET', code: reset, epoch, floor, head, shared: reset === 'epoch_mismatch' ? 0 : null },
    );
  // A device whose snapshot ended just before the connection did still waits for the ack of ops that the snapshot holds.
  const owed = lastCounter > 0;
  const known = { ...state, epoch, head: Math.max(state.head, head), floor, tokenExpiresAt, acked: lastCounter, owed };
  const { maxFrameBytes, maxOps, maxInFlight } = limits;
  const told = { maxFrameBytes, maxOps, maxInFlight };
  const welcome = {
    type: 'WELCOME',
    protocol: protocolVersion,
    epoch,
    head,
    floor,
    lastCounter,
    now,
    tokenExpiresAt,
    limits: told,
  } as const;
  const snapshot = hello.cursor < floor || head - hello.cursor > 2 * live ? { at: head, after: null } : null;
  return withFirst({ kind: 'send', frame: welcome }, pump({ ...known, phase: 'live', sent: hello.cursor, snapshot }, limits));
}

function findReset(hello: Hello, opened: Opened): ResetCode | null {
  if (hello.epoch !== null && hello.epoch !== opened.epoch) return 'epoch_mismatch';
  if (hello.cursor > opened.head) return 'cursor_ahead';
  if (hello.cursor > 0 && hello.cursor < opened.floor) return 'cursor_expired';
  return hello.lastCounter < opened.lastCounter ? 'device_forked' : null;
}

function onPushed<B extends Piece>(state: SessionState, result: PushAnswer, limits: SessionLimits): Step<B> {
  switch (result.kind) {
    case 'pushed': {
      // A replay is answered with its recorded outcome: the log is sent again from there, with the ack in its place.
      const sent = result.replayedFrom === null ? state.sent : Math.min(state.sent, result.replayedFrom - 1);
      const owed = state.owed || result.fresh === 0;
      return pump(
        { ...state, sent, owed, head: Math.max(state.head, result.head), acked: Math.max(state.acked, result.acked) },
        limits,
      );
    }
    case 'counter_gap':
      return answer(state, {
        type: 'ERROR',
        code: 'counter_gap',
        detail: 'ops are missing before these',
        expected: result.expected,
      });
    case 'cursor_ahead': {
      if (state.epoch === null) return stay(state);
      // Loads and further pushes of this connection may be under way: the device begins anew on another one.
      const { epoch, floor } = state;
      const reset = { type: 'RESET', code: 'cursor_ahead', epoch, floor, head: result.head, shared: null } as const;
      const close = { kind: 'close', closeCode: closeCodes.reset, reason: reset.code } as const;
      return { state: { ...state, phase: 'closed' }, effects: [{ kind: 'send', frame: reset }, close] };
    }
    case 'failed':
      return answer(state, {
        type: 'ERROR',
        code: result.code,
        detail: 'nothing of this frame is acknowledged; push it again later',
      });
  }
}

function onCommitted<B extends Piece>(state: SessionState, piece: B, limits: SessionLimits): Step<B> {
  const known = { ...state, head: Math.max(state.head, piece.to) };
  const follows = state.phase === 'live' && state.snapshot === null && !state.loading && piece.from === state.sent;
  if (follows && canSend(known, limits) && piece.bytes <= limits.maxBufferedBytes) return sendDelta(known, piece, limits);
  return pump(known, limits);
}

function onLoaded<B extends Piece>(state: SessionState, piece: B, limits: SessionLimits): Step<B> {
  const known = { ...state, loading: false, head: Math.max(state.head, piece.head) };
  if (state.phase !== 'live') return stay(known);
  // Rewound meanwhile, for a replay: this piece is no longer the next one.
  if (piece.from !== state.sent) return pump(known, limits);
  return piece.to === piece.from && !state.owed ? stay(known) : sendDelta(known, piece, limits);
}

function sendDelta<B extends Piece>(state: SessionState, piece: B, limits: SessionLimits): Step<B> {
  const caughtUp = piece.to >= state.head;
  const acked = caughtUp ? Math.max(state.acked, piece.ownCounter) : piece.ownCounter;
  const header = {
    from: piece.from,
    head: state.head,
    ...(piece.ownCounter > 0 || (caughtUp && state.owed) ? { acked } : {}),
    ...(piece.hash !== undefined && caughtUp ? { hash: piece.hash } : {}),
  };
  const unconfirmed = piece.to > piece.from ? [...state.unconfirmed, piece.to] : state.unconfirmed;
  const next = {
    ...state,
    sent: piece.to,
    unconfirmed,
    acked: Math.max(state.acked, piece.ownCounter),
    owed: state.owed && !caughtUp,
  };
  return withFirst({ kind: 'sendDelta', header, piece }, pump(next, limits));
}

function onSnapshot<B extends Piece>(state: SessionState, memories: readonly Memory[], limits: SessionLimits): Step<B> {
  if (state.snapshot === null) return stay({ ...state, loading: false });
  const last = memories.length < limits.snapshotMemories ? null : (memories.at(-1)?.id ?? null);
  const frame = { type: 'SNAPSHOT', at: state.snapshot.at, next: last, memories } as const;
  const next =
    last === null
      ? { ...state, loading: false, snapshot: null, sent: state.snapshot.at, owed: true }
      : { ...state, loading: false, snapshot: { at: state.snapshot.at, after: last } };
  return withFirst({ kind: 'send', frame }, pump(next, limits));
}

/** Asks for the next page when there is something to send and room to send it (SYN-8). */
function pump<B extends Piece>(state: SessionState, limits: SessionLimits): Step<B> {
  if (state.phase !== 'live' || state.loading || !canSend(state, limits)) return stay(state);
  if (state.snapshot !== null) {
    const { after } = state.snapshot;
    return { state: { ...state, loading: true }, effects: [{ kind: 'loadSnapshot', after, limit: limits.snapshotMemories }] };
  }
  if (state.sent >= state.head && !state.owed) return stay(state);
  return { state: { ...state, loading: true }, effects: [{ kind: 'load', from: state.sent }] };
}

function canSend(state: SessionState, limits: SessionLimits): boolean {
  return !state.congested && state.unconfirmed.length < limits.maxInFlight;
}

function confirm<B extends Piece>(state: SessionState, to: number, limits: SessionLimits): Step<B> {
  const unconfirmed = state.unconfirmed.filter((sent) => sent > to);
  if (unconfirmed.length === state.unconfirmed.length) return stay(state);
  return withFirst({ kind: 'progress', cursor: Math.min(to, state.sent) }, pump({ ...state, unconfirmed }, limits));
}

/** The socket stays open for a client that errs now and then; one that keeps sending garbage is closed. */
function onMalformed<B extends Piece>(
  state: SessionState,
  wrong: { readonly code: ErrorCode; readonly detail: string },
  limits: SessionLimits,
): Step<B> {
  const errors = state.errors + 1;
  const error = { kind: 'send', frame: { type: 'ERROR', code: wrong.code, detail: wrong.detail } } as const;
  if (errors < limits.maxErrors) return { state: { ...state, errors }, effects: [error] };
  return {
    state: { ...state, phase: 'closed', errors },
    effects: [error, { kind: 'close', closeCode: closeCodes.tooManyErrors, reason: 'too many malformed frames' }],
  };
}

function refuse<B extends Piece>(state: SessionState, code: ErrorCode): Step<B> {
  const closeCode = code === 'device_revoked' ? closeCodes.revoked : code === 'unauthorized' ? closeCodes.unauthorized : 1011;
  const frame = { type: 'ERROR', code, detail: refusalDetail[code] ?? 'try again later' } as const;
  return {
    state: { ...state, phase: 'closed' },
    effects: [
      { kind: 'send', frame },
      { kind: 'close', closeCode, reason: code },
    ],
  };
}

const refusalDetail: Partial<Readonly<Record<ErrorCode, string>>> = {
  unauthorized: 'the token is missing, expired or revoked; refresh it and connect again',
  device_revoked: 'this device was revoked; log in again',
};

function onTick<B extends Piece>(state: SessionState, now: number, limits: SessionLimits): Step<B> {
  if (now >= state.tokenExpiresAt) return refuse(state, 'unauthorized');
  if (state.phase === 'new' && now - state.openedAt > limits.helloTimeoutMs) {
    return {
      state: { ...state, phase: 'closed' },
      effects: [{ kind: 'close', closeCode: closeCodes.helloTimeout, reason: 'no HELLO' }],
    };
  }
  return pump(state, limits);
}

const stay = <B extends Piece>(state: SessionState): Step<B> => ({ state, effects: [] });

const answer = <B extends Piece>(state: SessionState, frame: Exclude<ServerFrame, Delta>): Step<B> => ({
  state,
  effects: [{ kind: 'send', frame }],
});

const withFirst = <B extends Piece>(first: Effect<B>, rest: Step<B>): Step<B> => ({
  state: rest.state,
  effects: [first, ...rest.effects],
});
