/**
 * The same frames over the HTTP twins, for networks that block WebSockets: HELLO, PUSH and GOT become requests, one at a
 * time and in order, and their answers become frames. What others write is found by polling.
 */
import type { LogEvent } from '../core/event.ts';
import type { Epoch } from '../core/ids.ts';
import { retryAfterMs } from '../core/retry-after.ts';
import { unpackServerFrame } from '../protocol/binary-codec.ts';
import { type ClientFrame, type Hello, helloFlags, type Push, type ServerFrame, type Welcome } from '../protocol/frames.ts';
import { eventFromJson, opToJson } from '../protocol/json-codec.ts';
import type { JsonEvent } from '../protocol/json-frames.ts';
import type { ClientEnvironment } from './environment.ts';
import type { Transport, TransportEvents } from './transport.ts';

export interface HttpTransportOptions {
  /** `https://host/api/v1` */
  readonly apiUrl: string;
  readonly pollMs: number;
  /** A request that takes longer has failed. */
  readonly requestMs: number;
}

type Deps = Pick<ClientEnvironment, 'fetch' | 'setTimer' | 'clearTimer'>;

const binary = 'application/msgpack';

export function openHttpTransport(deps: Deps, options: HttpTransportOptions, events: TransportEvents): Transport {
  const transport = new HttpTransport(deps, options, events);
  transport.start();
  return transport;
}

class HttpTransport implements Transport {
  readonly kind = 'http';
  readonly #deps: Deps;
  readonly #options: HttpTransportOptions;
  readonly #events: TransportEvents;
  #queue: Promise<void> = Promise.resolve();
  #isOver = false;
  #token = '';
  #hello: Hello | null = null;
  #epoch: Epoch | null = null;
  /** The device has applied the log up to here. */
  #cursor = 0;
  /** A place in the log as the server spells it; for another one HELLO is asked. */
  #place: { readonly seq: number; readonly text: string } | null = null;
  /** Pages of a snapshot that are still to come: where it began, and the last id that came. */
  #snapshot: { readonly at: number | null; readonly after: string | null } | null = null;
  /** The device's last counter that the log holds, and the seq at which it is sure to be seen. */
  #acked = 0;
  #ackedAt = 0;
  #poll: unknown = null;
  #inFlight: AbortController | null = null;

  constructor(deps: Deps, options: HttpTransportOptions, events: TransportEvents) {
    this.#deps = deps;
    this.#options = options;
    this.#events = events;
  }

  start(): void {
    this.#enqueue(async () => this.#events.onOpen());
  }

  send(frame: ClientFrame): void {
    switch (frame.type) {
      case 'HELLO':
        return this.#enqueue(() => this.#sayHello(frame));
      case 'PUSH':
        return this.#enqueue(() => this.#push(frame));
      case 'GOT':
        this.#cursor = Math.max(this.#cursor, frame.to);
        return this.#enqueue(() => this.#pull(this.#cursor));
      case 'PING':
        return this.#enqueue(async () => {
          await this.#pull(this.#cursor, true);
          this.#emit({ type: 'PONG' });
        });
      case 'AUTH':
        this.#token = frame.token;
        return;
      case 'PONG':
        return;
    }
  }

  close(): void {
    this.#isOver = true;
    this.#deps.clearTimer(this.#poll);
    this.#inFlight?.abort(new Error('the connection was closed'));
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#isOver) return;
      try {
        await work();
      } catch (error) {
        this.#end(error instanceof HttpFailure ? error : new HttpFailure(null, String(error)));
      }
    });
  }

  #end({ code, message }: HttpFailure): void {
    if (this.#isOver) return;
    this.close();
    this.#events.onEnd({ code, detail: message });
  }

  #emit(frame: ServerFrame): void {
    if (!this.#isOver) this.#events.onFrame(() => frame);
  }

  async #sayHello(hello: Hello): Promise<void> {
    this.#hello = hello;
    this.#token = hello.token ?? this.#token;
    const answer = await this.#ask(hello);
    if (answer.type === 'RESET') return this.#emit(answer);
    this.#epoch = answer.epoch;
    this.#cursor = hello.cursor;
    this.#acked = answer.lastCounter;
    this.#ackedAt = answer.head;
    const wantsSnapshot = hello.cursor === 0 && (answer.head > 0 || (hello.flags & helloFlags.snapshot) !== 0);
    // As the server decides for a socket: a snapshot that began before the floor, or in another lineage, begins anew.
    const { resume = null } = hello;
    const goesOn = resume !== null && hello.epoch === answer.epoch && answer.floor <= resume.at && resume.at <= answer.head;
    if (wantsSnapshot) this.#snapshot = goesOn ? resume : { at: null, after: null };
    const { cursor: _, ...welcome } = answer;
    this.#emit({ ...welcome, tokenExpiresAt: Date.parse(answer.tokenExpiresAt) });
    this.#enqueue(() => (wantsSnapshot ? this.#pullSnapshot() : this.#pull(this.#cursor, true)));
    this.#pollLater();
  }

  async #ask({ type: _, token: __, ...hello }: Hello): Promise<JsonAnswer> {
    const { read: answer } = await this.#request('POST', '/memories/sync/hello', jsonOf<JsonAnswer>, hello);
    if (answer.type === 'WELCOME') this.#place = { seq: hello.cursor, text: answer.cursor };
    return answer;
  }

  /** The opaque cursor of a seq that the device has applied, or had. Null when the server said RESET. */
  async #cursorAt(seq: number): Promise<string | null> {
    if (this.#place?.seq !== seq && this.#hello !== null) {
      const { resume: _, ...hello } = this.#hello;
      // Whether a copy of this device writes was asked before; what it has pushed since is not told here.
      const lastCounter = Number.MAX_SAFE_INTEGER;
      const answer = await this.#ask({ ...hello, epoch: this.#epoch, cursor: seq, flags: 0, lastCounter });
      if (answer.type === 'RESET') this.#emit(answer);
    }
    return this.#place?.seq === seq ? this.#place.text : null;
  }

  /**
   * The ops' events come with the next pull. Those that the device has passed, in a snapshot, come with this answer: it may
   * not ask for the log before the floor again.
   */
  async #push(push: Push): Promise<void> {
    const { firstCounter, base, ops } = push;
    const body = { device: this.#hello?.device, firstCounter, base, ops: ops.map(opToJson) };
    const { read } = await this.#request('POST', '/memories/sync/push', jsonOf<PushAnswer>, body);
    const { acked, head, events } = read;
    this.#acked = Math.max(this.#acked, acked);
    this.#ackedAt = Math.max(this.#ackedAt, ...events.map(({ seq }) => seq));
    for (const event of events) if (event.seq <= this.#cursor) this.#emit(deltaOf(eventFromJson(event), head));
    await this.#pull(this.#cursor, true);
  }

  /** @param always a frame is owed even when nothing is new. */
  async #pull(from: number, always = false): Promise<void> {
    if (this.#epoch === null || this.#snapshot !== null) return;
    const cursor = await this.#cursorAt(from);
    if (cursor === null) return;
    const query = new URLSearchParams({ cursor, device: this.#hello?.device ?? '', limit: '1000' });
    const { read: delta, headers } = await this.#request('GET', `/memories/sync/updates?${query}`, frameOf);
    if (delta.type !== 'DELTA') throw new HttpFailure(null, `updates answered with ${delta.type}`);
    const after = headers.get('sync-cursor');
    if (after !== null) this.#place = { seq: delta.to, text: after };
    if (delta.events.length === 0 && !always && delta.to >= this.#ackedAt) return;
    // A page may end before the own ops; their ack is told with the page that reaches them.
    this.#emit(delta.to >= this.#ackedAt && this.#acked > 0 ? { ...delta, acked: this.#acked } : delta);
  }

  async #pullSnapshot(): Promise<void> {
    if (this.#snapshot === null) return;
    const { at, after } = this.#snapshot;
    const query = [at === null ? '' : `at=${at}`, after === null ? '' : `after=${after}`].filter((part) => part !== '').join('&');
    const { read: page } = await this.#request('GET', `/memories/sync/snapshot?${query}`, frameOf);
    if (page.type !== 'SNAPSHOT') throw new HttpFailure(null, `snapshot answered with ${page.type}`);
    this.#snapshot = page.next === null ? null : { at: page.at, after: page.next };
    this.#emit(page);
    // After the last page the device says GOT, and the pull goes on from there.
    if (page.next !== null) this.#enqueue(() => this.#pullSnapshot());
  }

  #pollLater(): void {
    this.#deps.clearTimer(this.#poll);
    this.#poll = this.#deps.setTimer(() => {
      this.#enqueue(() => this.#pull(this.#cursor));
      this.#pollLater();
    }, this.#options.pollMs);
  }

  /** @param read takes the answer apart: the time that a request may take ends when the last byte is here. */
  async #request<T>(method: string, path: string, read: (response: Response) => Promise<T>, body?: unknown): Promise<Answer<T>> {
    const abort = new AbortController();
    this.#inFlight = abort;
    const timer = this.#deps.setTimer(() => abort.abort(new Error('the server did not answer in time')), this.#options.requestMs);
    try {
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const headers = { authorization: `Bearer ${this.#token}`, accept: method === 'GET' ? binary : 'application/json', ...type };
      const init = { method, headers, signal: abort.signal, ...(body !== undefined && { body: JSON.stringify(body) }) };
      const response = await this.#deps.fetch(`${this.#options.apiUrl}${path}`, init);
      if (!response.ok) return await this.#onProblem(response);
      return { read: await read(response), headers: response.headers };
    } finally {
      this.#inFlight = null;
      this.#deps.clearTimer(timer);
    }
  }

  /** What the socket says as an ERROR or RESET frame is a problem document here (RFC 9457). */
  async #onProblem(response: Response): Promise<never> {
    const problem = (await response.json().catch(() => null)) as { code?: string; detail?: string; expected?: number } | null;
    const code = problem?.code ?? `http_${response.status}`;
    const detail = problem?.detail ?? '';
    const expected = problem?.expected === undefined ? {} : { expected: problem.expected };
    const waitMs = retryAfterMs(response.headers);
    if (waitMs !== undefined && !this.#isOver) this.#events.onRetryAfter(waitMs);
    // HELLO is answered with a RESET that says more: what both lineages share.
    if (!isReset(code)) this.#emit({ type: 'ERROR', code, detail, ...expected });
    throw new HttpFailure(closeCodes[code] ?? null, `${code}: ${detail}`);
  }
}

const deltaOf = (event: LogEvent, head: number): ServerFrame => ({
  type: 'DELTA',
  from: event.seq - 1,
  to: event.seq,
  head,
  events: [event],
});

const jsonOf = async <T>(response: Response): Promise<T> => (await response.json()) as T;

async function frameOf(response: Response): Promise<ServerFrame> {
  return unpackServerFrame(new Uint8Array(await response.arrayBuffer()));
}

/** The close codes that the socket uses for the same. */
const closeCodes: Readonly<Record<string, number>> = { unauthorized: 4401, device_revoked: 4403 };

const resets = ['cursor_expired', 'cursor_ahead', 'epoch_mismatch', 'device_forked'] as const;

const isReset = (code: string): code is (typeof resets)[number] => (resets as readonly string[]).includes(code);

class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly code: number | null;

  constructor(code: number | null, message: string) {
    super(message);
    this.code = code;
  }
}

type JsonAnswer =
  | (Omit<Welcome, 'tokenExpiresAt'> & { readonly tokenExpiresAt: string; readonly cursor: string })
  | Extract<ServerFrame, { type: 'RESET' }>;

interface Answer<T> {
  readonly read: T;
  readonly headers: Headers;
}

interface PushAnswer {
  readonly acked: number;
  readonly head: number;
  readonly events: readonly JsonEvent[];
}
