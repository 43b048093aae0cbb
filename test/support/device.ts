/** A device over a real WebSocket: a Replica, a DeviceSession for each connection, and every frame that came. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { inflateRawSync } from 'node:zlib';
import { WebSocket } from 'ws';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { Write } from '../../src/core/register.ts';
import { deflatedBytes, packClientFrame, unpackServerFrame } from '../../src/protocol/binary-codec.ts';
import type { ClientFrame, ServerFrame } from '../../src/protocol/frames.ts';
import { clientFrameToJson, parseServerFrame } from '../../src/protocol/json-codec.ts';
import { DeviceSession, receiveFrame } from '../../src/sync/device-session.ts';
import { Replica } from '../../src/sync/replica.ts';

export interface TestDeviceOptions {
  readonly url: string;
  readonly token: string;
  readonly device?: string;
  readonly form?: 'binary' | 'text';
  readonly deflate?: boolean;
  /** The device's own clock, Unix ms. */
  readonly now?: () => number;
}

export class TestDevice {
  readonly replica: Replica;
  readonly frames: ServerFrame[] = [];
  /** Bytes that came, as they came. */
  wireBytes = 0;
  closeCode: number | null = null;
  socket: WebSocket | null = null;
  readonly #options: TestDeviceOptions;
  #session: DeviceSession | null = null;
  readonly #waiting: (() => void)[] = [];

  constructor(options: TestDeviceOptions) {
    this.#options = options;
    this.replica = new Replica((options.device ?? randomUUID()) as DeviceId);
  }

  get now(): number {
    return (this.#options.now ?? Date.now)();
  }

  get session(): DeviceSession | null {
    return this.#session;
  }

  /** Opens a socket without saying HELLO. */
  async open(query = '', url = this.#options.url): Promise<this> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/sync${query}`, { perMessageDeflate: false });
    this.socket = socket;
    this.closeCode = null;
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(socket, data, isBinary));
    socket.on('close', (code) => {
      if (this.socket === socket) this.closeCode = code;
      this.#wake();
    });
    socket.on('error', () => this.#wake());
    await once(socket, 'open');
    return this;
  }

  /** Opens a socket and says HELLO. */
  async connect(url = this.#options.url): Promise<this> {
    await this.open('', url);
    const { token, deflate } = this.#options;
    this.#session = new DeviceSession(this.replica, {
      token,
      deflate: deflate ?? false,
      newDeviceId: () => randomUUID() as DeviceId,
    });
    this.send(this.#session.hello(this.now));
    return this;
  }

  /** Cuts the socket without a word, as a lost network does. */
  cut(): void {
    this.socket?.terminate();
    this.#session = null;
  }

  write(memoryId: MemoryId, writes: readonly Write[]): this {
    this.replica.write(memoryId, { writes }, this.now);
    return this.flush();
  }

  flush(): this {
    for (const frame of this.#session?.flush() ?? []) this.send(frame);
    return this;
  }

  send(frame: ClientFrame): void {
    this.sendRaw(this.#options.form === 'text' ? JSON.stringify(clientFrameToJson(frame)) : packClientFrame(frame));
  }

  sendRaw(data: string | Uint8Array): void {
    this.socket?.send(data);
  }

  /** Resolves when it holds, looked at after every frame and at the end of the socket. Fails when nothing comes any more. */
  async until(isDone: () => boolean, what = 'the condition'): Promise<this> {
    while (!isDone()) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${what}: nothing came for 15 s; last ${JSON.stringify(this.frames.at(-1))?.slice(0, 300)}`)),
          15_000,
        );
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this;
  }

  untilCaughtUp(): Promise<this> {
    return this.until(() => this.#session?.isCaughtUp === true, 'caught up');
  }

  async untilFrame<T extends ServerFrame['type']>(type: T, from = 0): Promise<Extract<ServerFrame, { type: T }>> {
    const find = () => this.frames.slice(from).find((frame): frame is Extract<ServerFrame, { type: T }> => frame.type === type);
    await this.until(() => find() !== undefined, `a ${type}`);
    return find() ?? Promise.reject(new Error('gone'));
  }

  #receive(socket: WebSocket, data: Buffer, isBinary: boolean): void {
    if (this.socket !== socket) return;
    this.wireBytes += data.length;
    const frame = isBinary ? unpackServerFrame(inflate(data)) : parseServerFrame(data.toString());
    this.frames.push(frame);
    if (this.#session !== null)
      for (const answer of receiveFrame(this.#session, this.replica, frame, this.now).send) this.send(answer);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function inflate(data: Buffer): Uint8Array {
  const deflated = deflatedBytes(data);
  return deflated === null ? data : inflateRawSync(deflated);
}
