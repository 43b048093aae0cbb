/** The way of frames between this device and the server: a socket, or HTTP where sockets are blocked. */
import type { ClientFrame, ServerFrame } from '../protocol/frames.ts';

export interface Transport {
  readonly kind: 'socket' | 'http';
  /** Nothing is sent after the end, and nobody is told: the end itself was. */
  send(frame: ClientFrame): void;
  /** Ends it from this side; no event follows. */
  close(): void;
}

export interface TransportEvents {
  /** Frames can be sent. */
  readonly onOpen: () => void;
  /**
   * A frame came. It is read when its turn has come: until then it waits as bytes, which cost a tenth of what they become. Null:
   * it could not be read, and the end is told.
   */
  readonly onFrame: (read: () => ServerFrame | null) => void;
  /** The server asked to be left alone for so long, ms. What ends the connection follows. */
  readonly onRetryAfter: (ms: number) => void;
  /** It ended, or never began. Said once. */
  readonly onEnd: (end: TransportEnd) => void;
}

export interface TransportEnd {
  /** Close code of the socket (RFC 6455), or null where there was none. */
  readonly code: number | null;
  readonly detail: string;
}
