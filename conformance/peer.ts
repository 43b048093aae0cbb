/** One socket, spoken to frame by frame: what was sent, what came, in the order in which it came. */
import { WebSocket } from 'ws';
import type { ClientFrame, ServerFrame } from '../src/protocol/frames.ts';
import { within } from './deadline.ts';
import { CheckFailure, expectEqual, show } from './expect.ts';
import { decodeFrame, encodeFrame, type FrameForm, type ReceivedFrame } from './frame-io.ts';

export interface PeerOptions {
  /** Of the server, `http://…` or `https://…`. */
  readonly url: string;
  readonly form: FrameForm;
  /** Of the upgrade request, as `?token=…`. */
  readonly query?: string;
  readonly timeoutMs: number;
  /** False: it leaves PING without an answer. */
  readonly answersPing?: boolean;
}

export type FrameOf<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>;

export class Peer {
  readonly #socket: WebSocket;
  readonly #options: PeerOptions;
  readonly #waiting: (ReceivedFrame | CheckFailure)[] = [];
  #closeCode: number | null = null;
  readonly #wakes: (() => void)[] = [];
  /** Everything that came, PING too. */
  readonly received: ReceivedFrame[] = [];

  constructor(options: PeerOptions) {
    this.#options = options;
    const address = `${options.url.replace(/^http/, 'ws')}/api/v1/sync${options.query ?? ''}`;
    this.#socket = new WebSocket(address, { perMessageDeflate: false, maxPayload: 64 * 1_048_576 });
    this.#socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary ? 'binary' : 'text'));
    this.#socket.on('close', (code) => {
      this.#closeCode = code;
      this.#wake();
    });
    // What went wrong shows as the end of the socket, which always follows.
    this.#socket.on('error', () => this.#wake());
  }

  async open(): Promise<this> {
    const isOpen = new Promise<void>((resolve, reject) => {
      this.#socket.once('open', resolve);
      this.#socket.once('error', (error) => reject(new CheckFailure(`expected a socket, got ${error.message}`)));
    });
    await within(this.#options.timeoutMs, 'a socket', isOpen);
    return this;
  }

  get form(): FrameForm {
    return this.#options.form;
  }

  send(frame: ClientFrame, form: FrameForm = this.#options.form): void {
    this.sendRaw(encodeFrame(frame, form));
  }

  sendRaw(data: Uint8Array | string): void {
    this.#socket.send(data);
  }

  /** The next frame that is no PING. */
  async next(what = 'a frame'): Promise<ServerFrame> {
    return (await this.nextReceived(what)).frame;
  }

  async nextReceived(what = 'a frame', timeoutMs: number = this.#options.timeoutMs): Promise<ReceivedFrame> {
    return await within(timeoutMs, what, this.#take(what));
  }

  /** The next frame, which has to be of this type. */
  async expect<T extends ServerFrame['type']>(type: T, what: string = type): Promise<FrameOf<T>> {
    const frame = await this.next(what);
    if (frame.type !== type) throw new CheckFailure(`expected ${what}, got ${show(frame)}`);
    return frame as FrameOf<T>;
  }

  async expectError(code: string, what: string): Promise<FrameOf<'ERROR'>> {
    const frame = await this.expect('ERROR', `ERROR ${code} for ${what}`);
    expectEqual(`code of the ERROR for ${what}`, frame.code, code);
    return frame;
  }

  /** Asks for a sign of life. What was on its way before it. */
  async settle(): Promise<readonly ServerFrame[]> {
    this.send({ type: 'PING' });
    const before: ServerFrame[] = [];
    for (let frame = await this.next('PONG'); frame.type !== 'PONG'; frame = await this.next('PONG')) before.push(frame);
    return before;
  }

  /** Its close code. Frames that come before it are passed over. */
  async closed(what: string, timeoutMs: number = this.#options.timeoutMs): Promise<number> {
    const end = async (): Promise<number> => {
      while (this.#closeCode === null) await this.#change();
      return this.#closeCode;
    };
    return await within(timeoutMs, `the end of the socket ${what}`, end());
  }

  /** The server has asked for a sign of life, and was given it. */
  async pinged(timeoutMs: number): Promise<void> {
    const ping = async (): Promise<void> => {
      while (!this.received.some(({ frame }) => frame.type === 'PING')) {
        if (this.#closeCode !== null) throw new CheckFailure(`expected PING, got the end of the socket (${this.#closeCode})`);
        await this.#change();
      }
    };
    await within(timeoutMs, 'PING', ping());
  }

  get isOpen(): boolean {
    return this.#closeCode === null;
  }

  /** Reads nothing any more, as a device that is busy. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Without a word, as a lost network does. */
  cut(): void {
    this.#socket.terminate();
  }

  async #take(what: string): Promise<ReceivedFrame> {
    for (;;) {
      const item = this.#waiting.shift();
      if (item instanceof CheckFailure) throw item;
      if (item !== undefined) return item;
      if (this.#closeCode !== null) throw new CheckFailure(`expected ${what}, got the end of the socket (${this.#closeCode})`);
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => void this.#wakes.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  #receive(data: Buffer, form: FrameForm): void {
    this.#waiting.push(...this.#read(data, form));
    this.#wake();
  }

  #read(data: Buffer, form: FrameForm): (ReceivedFrame | CheckFailure)[] {
    try {
      const received = decodeFrame(data, form);
      this.received.push(received);
      if (received.frame.type !== 'PING') return [received];
      if (this.#options.answersPing !== false) this.send({ type: 'PONG' });
      return [];
    } catch (error) {
      if (error instanceof CheckFailure) return [error];
      throw error;
    }
  }
}
