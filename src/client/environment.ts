/** What a client takes from the place it runs in. Everything that a simulator has to play comes through here. */
import { v7 } from 'uuid';

export interface ClientEnvironment {
  /** The device's clock, Unix ms, however wrong: stamps and times for people come from it, waits never do. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** A new UUIDv7. */
  readonly newId: () => string;
  readonly setTimer: (work: () => void, ms: number) => unknown;
  readonly clearTimer: (timer: unknown) => void;
  readonly openSocket: (url: string) => SocketLike;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** False only where the platform is sure that there is no network. */
  readonly isOnline: () => boolean;
  /** @returns the way to stop listening. */
  readonly onNetworkChange: (listener: () => void) => () => void;
}

/** The part of a WebSocket (WHATWG) that the client uses. */
export interface SocketLike {
  binaryType: BinaryType;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

export function browserEnvironment(): ClientEnvironment {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    newId: () => v7(),
    setTimer: (work, ms) => setTimeout(work, ms),
    clearTimer: (timer) => clearTimeout(timer as number),
    openSocket: (url) => new WebSocket(url) as unknown as SocketLike,
    fetch: (url, init) => fetch(url, init),
    // A worker without this property, and Node, count as online: an attempt tells.
    isOnline: () => globalThis.navigator?.onLine !== false,
    onNetworkChange: listenToNetwork,
  };
}

function listenToNetwork(listener: () => void): () => void {
  if (typeof globalThis.addEventListener !== 'function') return () => undefined;
  globalThis.addEventListener('online', listener);
  globalThis.addEventListener('offline', listener);
  return () => {
    globalThis.removeEventListener('online', listener);
    globalThis.removeEventListener('offline', listener);
  };
}
