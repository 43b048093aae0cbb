/** A device: a replica, and while it is online a session and its socket. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { inflateRawSync } from 'node:zlib';
import { WebSocket } from 'ws';
import type { LogEvent } from '../../src/core/event.ts';
import type { DeviceId } from '../../src/core/ids.ts';
import { deflatedBytes, packClientFrame, unpackServerFrame } from '../../src/protocol/binary-codec.ts';
import type { ClientFrame, ServerFrame } from '../../src/protocol/frames.ts';
import { DeviceSession, receiveFrame } from '../../src/sync/device-session.ts';
import type { Replica } from '../../src/sync/replica.ts';
import type { Connected, Orders } from './device-orders.ts';

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const patienceMs = 20_000;

export class DeviceConnection {
  readonly #replica: Replica;
  readonly #now: () => number;
  readonly #waiters = new Set<Waiter>();
  #session: DeviceSession | null = null;
  #socket: WebSocket | null = null;
  #clockOffsetMs = 0;
  /** Why this connection is of no more use. */
  #failure: Error | null = null;
  readonly events: LogEvent[] = [];
  wireBytes = 0;
  /** What the server said last of its own state. */
  serverState: { readonly seq: number; readonly hash: string } | null = null;

  /** @param now the device's own clock, however wrong. */
  constructor(replica: Replica, now: () => number) {
    this.#replica = replica;
    this.#now = now;
  }

  async connect({ url, token }: Orders['connect']['argument']): Promise<Connected> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, 'open');
    const session = new DeviceSession(this.#replica, { token, deflate: true, newDeviceId: () => randomUUID() as DeviceId });
    this.#socket = socket;
    this.#session = session;
    this.#failure = null;
    socket.on('message', (data: Buffer) => this.#receive(data));
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', (code, reason) => this.#onClose(socket, `the server closed the socket: ${code} ${reason.toString()}`));
    this.#send([session.hello(this.#now())]);
    await this.until(() => session.isCaughtUp);
    return { clockOffsetMs: this.#clockOffsetMs };
  }

  async disconnect(): Promise<void> {
    const socket = this.#socket;
    this.#socket = null;
    this.#session = null;
    if (socket === null) return;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }

  /** Sends what waits in the outbox, when there is a connection. */
  flush(): void {
    this.#send(this.#session?.flush() ?? []);
  }

  /** Resolves when it holds; looked at after every frame. */
  async until(isDone: () => boolean): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (isDone()) return;
    let waiter: Waiter | null = null;
    let timer: NodeJS.Timeout | null = null;
    await new Promise<void>((resolve, reject) => {
      waiter = { isDone, resolve, reject };
      this.#waiters.add(waiter);
      const { cursor, outbox } = this.#replica;
      const late = `not done after ${patienceMs / 1_000} s: at seq ${cursor}, ${outbox.length} ops waited`;
      timer = setTimeout(() => reject(new Error(late)), patienceMs);
    }).finally(() => {
      if (timer !== null) clearTimeout(timer);
      if (waiter !== null) this.#waiters.delete(waiter);
    });
  }

  #receive(data: Buffer): void {
    this.wireBytes += data.length;
    try {
      const deflated = deflatedBytes(data);
      this.#onFrame(unpackServerFrame(deflated === null ? data : inflateRawSync(deflated)));
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #onFrame(frame: ServerFrame): void {
    const now = this.#now();
    if (this.#session === null) return;
    const reaction = receiveFrame(this.#session, this.#replica, frame, now);
    if (frame.type === 'WELCOME') this.#clockOffsetMs = frame.now - now;
    if (frame.type === 'DELTA' && frame.hash !== undefined) this.serverState = { seq: frame.to, hash: frame.hash };
    for (const { events } of reaction.results) this.events.push(...events);
    this.#send(reaction.send);
    if (reaction.error !== undefined) this.#fail(`the server answered ${reaction.error.code}: ${reaction.error.detail}`);
    for (const waiter of this.#waiters) if (waiter.isDone()) waiter.resolve();
  }

  #send(frames: readonly ClientFrame[]): void {
    for (const frame of frames) {
      const bytes = packClientFrame(frame);
      this.wireBytes += bytes.length;
      this.#socket?.send(bytes);
    }
  }

  #onClose(socket: WebSocket, why: string): void {
    if (this.#socket === socket) this.#fail(why);
  }

  #fail(why: string): void {
    this.#failure = new Error(why);
    for (const { reject } of this.#waiters) reject(this.#failure);
  }
}
