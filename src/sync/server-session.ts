/**
 * The server's side of one socket, as a pure state machine: (state, input) → state and effects. It never waits, never reads
 * a clock and never touches a socket; the edge carries the effects out and feeds their results back as inputs.
 *
 * `B` is a piece of the log as the edge holds it (stored bytes); the session only looks at where it begins and ends.
 */

import type { ErrorCode } from '../core/errors.ts';
import type { Epoch } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { ClientFrame, Delta, Hello, ServerFrame } from '../protocol/frames.ts';
import type { TellLimits } from '../protocol/limits.ts';
import { answerHello, findSnapshot, type Opened, refuseHello, type SnapshotStart } from './answer-hello.ts';
import type { Effect, Input, Piece, PushAnswer } from './session-io.ts';

/** Close codes of the socket, from the range that RFC 6455 leaves to applications. */
export const closeCodes = {
  tooManyErrors: 4400,
  unauthorized: 4401,
  revoked: 4403,
  helloTimeout: 4408,
  reset: 4409,
  silent: 4410,
  tooMuch: 4429,
} as const;

export interface SessionLimits extends TellLimits {
  /** Bytes handed to the socket and not yet taken by the network, past which nothing more is sent. */
  readonly maxBufferedBytes: number;
  readonly snapshotMemories: number;
  /** From the upgrade to HELLO, ms. */
  readonly helloTimeoutMs: number;
  /** Without a frame from the device, after which it is asked for one by PING, ms. */
  readonly pingAfterMs: number;
  /** Without a frame from the device, after which the socket is closed, ms. */
  readonly silenceMs: number;
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
  /** The newest time that an input told. */
  readonly clock: number;
  /** When the device was last heard, or the server last stopped keeping it waiting. */
  readonly heardAt: number;
  /** PING was sent since. */
  readonly pinged: boolean;
  /** PUSH frames that are not answered: meanwhile the socket may not be read. */
  readonly appending: number;
  /** The newest seq known. */
  readonly head: number;
  /** Everything up to here was sent. */
  readonly sent: number;
  /** The device has said that it has everything up to here. */
  readonly confirmed: number;
  /** The `to` of DELTA frames not confirmed, oldest first. */
  readonly unconfirmed: readonly number[];
  readonly loading: boolean;
  readonly congested: boolean;
  /** The page that comes next of a snapshot that is being sent. */
  readonly snapshot: SnapshotStart | null;
  /** While a snapshot is being sent: the seq of the first op that was pushed again. The log goes out from there behind it. */
  readonly replayedFrom: number | null;
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
    clock: now,
    heardAt: now,
    pinged: false,
    appending: 0,
    head: 0,
    sent: 0,
    confirmed: 0,
    unconfirmed: [],
    loading: false,
    congested: false,
    snapshot: null,
    replayedFrom: null,
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
  return state.phase === 'closed' ? stay(state) : react(at(state, input), input, limits);
}

function react<B extends Piece>(state: SessionState, input: Input<B>, limits: SessionLimits): Step<B> {
  switch (input.kind) {
    case 'frame':
      return onFrame(heard(state), input.frame, limits);
    case 'malformed':
      return onMalformed(heard(state), input, limits);
    case 'opened':
      return onOpened(heard(state), input.opened, limits);
    case 'refused':
      return refuse(state, input.code);
    case 'authenticated':
      return stay({ ...state, tokenExpiresAt: input.tokenExpiresAt });
    case 'pushed':
      return onPushed(heard({ ...state, appending: Math.max(0, state.appending - 1) }), input.answer, limits);
    case 'loaded':
      return onLoaded(state, input.piece, limits);
    case 'loadedSnapshot':
      return onSnapshot(state, input, limits);
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
      // The network took what it had been given: that tells of a device as well as a frame does.
      return pump(heard({ ...state, congested: false }), limits);
    case 'tick':
      return onTick(state, limits);
  }
}

/** Both are of every frame, and hardly ever a change: a copy of the state each time would cost more than most frames. */
const at = <B extends Piece>(state: SessionState, input: Input<B>): SessionState =>
  'now' in input && input.now !== state.clock ? { ...state, clock: input.now } : state;

const heard = (state: SessionState): SessionState =>
  state.heardAt === state.clock && !state.pinged ? state : { ...state, heardAt: state.clock, pinged: false };

function onFrame<B extends Piece>(state: SessionState, frame: ClientFrame, limits: SessionLimits): Step<B> {
  if (frame.type === 'PING') return answer(state, { type: 'PONG', now: state.clock });
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
      const appending = confirmed.state.appending + 1;
      return { state: { ...confirmed.state, appending }, effects: [...confirmed.effects, { kind: 'append', push: frame }] };
    }
  }
}

function onHello<B extends Piece>(state: SessionState, hello: Hello, limits: SessionLimits): Step<B> {
  if (state.phase !== 'new') return onMalformed(state, { code: 'invalid_frame', detail: 'HELLO was said before' }, limits);
  const wrong = refuseHello(hello);
  if (wrong?.code === 'unsupported_protocol') return answer(state, { type: 'ERROR', ...wrong });
  if (wrong !== null) return onMalformed(state, wrong, limits);
  return { state: { ...state, phase: 'opening', hello }, effects: [{ kind: 'open', hello }] };
}

/** SYN-2, SYN-5: WELCOME and then what the device lacks, or RESET; after a RESET the device says HELLO again. */
function onOpened<B extends Piece>(state: SessionState, opened: Opened, limits: SessionLimits): Step<B> {
  const { hello, clock } = state;
  if (hello === null) return stay(state);
  const reply = answerHello(hello, opened, clock, limits);
  if (reply.type === 'RESET') return answer({ ...openSession(clock), errors: state.errors }, reply);
  const { epoch, head, floor, lastCounter, tokenExpiresAt } = opened;
  // A device that holds something gets a DELTA, if an empty one: it tells the ack of ops that a snapshot brought just before
  // the last connection ended, and the state hash, as nothing else would tell of rows that differ at the same seq (SYN-6).
  const owed = lastCounter > 0 || hello.cursor > 0;
  const known = { ...state, epoch, head: Math.max(state.head, head), floor, tokenExpiresAt, acked: lastCounter, owed };
  const snapshot = findSnapshot(hello, opened);
  const { cursor } = hello;
  const next = pump<B>({ ...known, phase: 'live', sent: cursor, confirmed: cursor, snapshot, replayedFrom: null }, limits);
  // The cursor of HELLO is a confirmation too.
  return { state: next.state, effects: [{ kind: 'send', frame: reply }, ...next.effects, { kind: 'progress', cursor }] };
}

function onPushed<B extends Piece>(state: SessionState, result: PushAnswer, limits: SessionLimits): Step<B> {
  switch (result.kind) {
    case 'pushed': {
      const owed = state.owed || result.fresh === 0;
      const head = Math.max(state.head, result.head);
      const known = { ...state, owed, head, acked: Math.max(state.acked, result.acked) };
      return pump(result.replayedFrom === null ? known : rewind(known, result.replayedFrom), limits);
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

/**
 * LOG-2: a replay is answered with its recorded outcome: the log is sent again from before it, with the ack in its place.
 * A snapshot goes to its end first: between its pages nothing may stand.
 */
function rewind(state: SessionState, replayedFrom: number): SessionState {
  if (state.snapshot === null) return { ...state, sent: Math.min(state.sent, replayedFrom - 1) };
  return { ...state, replayedFrom: Math.min(state.replayedFrom ?? replayedFrom, replayedFrom) };
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

function onSnapshot<B extends Piece>(
  state: SessionState,
  { memories, isLast }: { readonly memories: readonly Memory[]; readonly isLast: boolean },
  limits: SessionLimits,
): Step<B> {
  if (state.snapshot === null) return stay({ ...state, loading: false });
  const { at } = state.snapshot;
  const next = isLast ? null : (memories.at(-1)?.id ?? null);
  const frame = { type: 'SNAPSHOT', at, next, memories } as const;
  const known = { ...state, loading: false };
  return withFirst(
    { kind: 'send', frame },
    pump(next === null ? endSnapshot(known, at) : { ...known, snapshot: { at, after: next } }, limits),
  );
}

/** The delta follows from where the snapshot began, or from before what was pushed again meanwhile. */
function endSnapshot(state: SessionState, at: number): SessionState {
  const sent = Math.min(at, (state.replayedFrom ?? at + 1) - 1);
  return { ...state, snapshot: null, replayedFrom: null, sent, owed: true };
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
  const confirmed = Math.max(state.confirmed, Math.min(to, state.sent));
  const next = { ...state, unconfirmed, confirmed };
  const pumped = unconfirmed.length === state.unconfirmed.length ? stay<B>(next) : pump<B>(next, limits);
  return confirmed === state.confirmed ? pumped : withFirst({ kind: 'progress', cursor: confirmed }, pumped);
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
  const closeCode = closeCodeByRefusal[code] ?? 1011;
  const frame = { type: 'ERROR', code, detail: refusalDetail[code] ?? 'try again later' } as const;
  return {
    state: { ...state, phase: 'closed' },
    effects: [
      { kind: 'send', frame },
      { kind: 'close', closeCode, reason: code },
    ],
  };
}

const closeCodeByRefusal: Partial<Readonly<Record<ErrorCode, number>>> = {
  device_revoked: closeCodes.revoked,
  unauthorized: closeCodes.unauthorized,
  too_many_sockets: closeCodes.tooMuch,
  rate_limited: closeCodes.tooMuch,
};

const refusalDetail: Partial<Readonly<Record<ErrorCode, string>>> = {
  unauthorized: 'the token is missing, expired or revoked; refresh it and connect again',
  device_revoked: 'this device was revoked; log in again',
  too_many_sockets: 'the account has as many sockets open as it may; close some',
  rate_limited: 'too many frames for too long; send fewer',
};

function onTick<B extends Piece>(state: SessionState, limits: SessionLimits): Step<B> {
  const { clock, phase } = state;
  if (clock >= state.tokenExpiresAt) return refuse(state, 'unauthorized');
  if (phase === 'new' && clock - state.openedAt > limits.helloTimeoutMs) return end(state, closeCodes.helloTimeout, 'no HELLO');
  return phase === 'live' ? withPing(state, limits) : pump(state, limits);
}

/** SYN-10: a device that is gone without a word is found out. One that waits for an answer owes none. */
function withPing<B extends Piece>(state: SessionState, limits: SessionLimits): Step<B> {
  const silentMs = state.appending > 0 ? 0 : state.clock - state.heardAt;
  if (silentMs >= limits.silenceMs) return end(state, closeCodes.silent, 'no frame from the device');
  if (silentMs < limits.pingAfterMs || state.pinged || state.congested) return pump(state, limits);
  return withFirst({ kind: 'send', frame: { type: 'PING' } }, pump({ ...state, pinged: true }, limits));
}

const end = <B extends Piece>(state: SessionState, closeCode: number, reason: string): Step<B> => ({
  state: { ...state, phase: 'closed' },
  effects: [{ kind: 'close', closeCode, reason }],
});

const stay = <B extends Piece>(state: SessionState): Step<B> => ({ state, effects: [] });

const answer = <B extends Piece>(state: SessionState, frame: Exclude<ServerFrame, Delta>): Step<B> => ({
  state,
  effects: [{ kind: 'send', frame }],
});

const withFirst = <B extends Piece>(first: Effect<B>, rest: Step<B>): Step<B> => ({
  state: rest.state,
  effects: [first, ...rest.effects],
});
