/** What goes into the server's side of a socket, and what comes out (src/sync/server-session). */
import type { ErrorCode } from '../core/errors.ts';
import type { MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { Auth, ClientFrame, Delta, DeltaHeader, Hello, Push, ServerFrame } from '../protocol/frames.ts';
import type { Opened } from './answer-hello.ts';

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
  /** A page of a snapshot. Whoever loads it bounds it, by number and by bytes, and so knows whether more follow. */
  | { readonly kind: 'loadedSnapshot'; readonly memories: readonly Memory[]; readonly isLast: boolean }
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
  /** → loadedSnapshot, loadFailed */
  | { readonly kind: 'loadSnapshot'; readonly after: MemoryId | null; readonly limit: number }
  | { readonly kind: 'send'; readonly frame: Exclude<ServerFrame, Delta> }
  | { readonly kind: 'sendDelta'; readonly header: DeltaHeader; readonly piece: B }
  /** The device has everything up to here: kept as its sync lag. */
  | { readonly kind: 'progress'; readonly cursor: number }
  | { readonly kind: 'close'; readonly closeCode: number; readonly reason: string };
