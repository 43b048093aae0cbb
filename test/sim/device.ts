/**
 * A device with the real client on it: one or two tabs over one disk, behind one network, with a clock of its own. A tab is
 * killed as a process is: nothing of it runs any more, its sockets are closed by the system, and nobody is told.
 */
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client-api.ts';
import type { ClientEnvironment, SocketLike } from '../../src/client/environment.ts';
import { createTabHub, type HubTab } from '../../src/client/tab-hub.ts';
import { createVolatilePlace, type VolatileBackup } from '../../src/client/volatile-place.ts';
import type { DeviceId, UserId } from '../../src/core/ids.ts';
import { type Dice, idOf } from './dice.ts';
import type { Mutant } from './mutant.ts';
import { DeviceNetwork, type DeviceSocket, type NetworkWitness } from './network.ts';
import { type HttpAnswer, serveHttp } from './server-http.ts';
import { createSlowDisk, type DiskWitness, type SlowDisk } from './slow-disk.ts';
import { createTabBus, type TabBus } from './tab-bus.ts';
import type { Timeline } from './timeline.ts';
import { beginning, type ServerNode, type VolatileServer } from './volatile-server.ts';

export interface DeviceDeps {
  readonly timeline: Timeline;
  readonly dice: (name: string) => Dice;
  readonly server: VolatileServer;
  readonly disk: DiskWitness;
  readonly network: NetworkWitness;
  readonly witness: DeviceWitness;
  readonly mutant: Mutant | null;
}

export interface DeviceWitness {
  started(tab: Tab): void;
  failed(tab: number, error: unknown): void;
  note(text: string): void;
}

export interface DeviceOptions {
  readonly name: string;
  readonly userId: UserId;
  readonly clockOffsetMs: number;
  readonly driftMs: number;
  readonly tabs: 'locks' | 'no locks' | 'no channel';
  readonly backup?: VolatileBackup;
}

export interface Tab {
  readonly index: number;
  readonly client: Client;
}

interface Process {
  readonly hub: HubTab;
  readonly sockets: Set<DeviceSocket>;
  isAlive: boolean;
  client: Client | null;
  sleep: { readonly onSleep: () => void; readonly onWake: () => void } | null;
}

export class SimulatedDevice {
  readonly #deps: DeviceDeps;
  readonly options: DeviceOptions;
  readonly disk: SlowDisk;
  readonly network: DeviceNetwork;
  readonly #dice: Dice;
  readonly #hub = createTabHub();
  readonly #bus: TabBus | null;
  readonly #processes = new Map<number, Process>();
  readonly #networkListeners = new Set<() => void>();
  clockOffsetMs: number;
  /** Nobody logs in on it any more. */
  isLoggedOut = false;
  /** Revoked, and nobody has logged in on it since. */
  isRevoked = false;
  /** Its rows were changed behind its back, and it has not mended them yet. */
  isCorrupted = false;
  /** It took in a snapshot that is newer than its cursor: up to here it holds no exact prefix. */
  snapshotUntil: number | null = null;
  /** There is another device that began with its disk. */
  isCopied = false;
  /** Virtual ms. */
  committedAt = 0;
  /** Goes up when the disk is exchanged for one of before: what was kept since is gone. */
  diskLife = 0;
  /** The disk before the last commit, for a mutant. */
  lastBackup: VolatileBackup | null = null;
  #token: string | null = null;
  #logins = 0;
  #made = 0;
  #replicas = 0;
  #nodeTurn = 0;

  constructor(deps: DeviceDeps, options: DeviceOptions) {
    this.#deps = deps;
    this.options = options;
    this.clockOffsetMs = options.clockOffsetMs;
    this.#dice = deps.dice(options.name);
    this.#bus = options.tabs === 'locks' ? null : createTabBus(options.tabs === 'no locks');
    const { timeline, mutant } = deps;
    this.disk = createSlowDisk({ timeline, dice: deps.dice(`${options.name} disk`), witness: deps.disk, mutant }, options.backup);
    this.network = new DeviceNetwork(timeline, (name) => deps.dice(`${options.name} ${name}`), deps.network, mutant);
  }

  /** Without locks each tab leads. The disk has to be right all the same; a tab may show what was, until its next frame. */
  get hasOneLeader(): boolean {
    return this.options.tabs === 'locks';
  }

  get tabs(): readonly Tab[] {
    return [...this.#processes].flatMap(([index, { client }]) => (client === null ? [] : [{ index, client }]));
  }

  isRunning(tab: number): boolean {
    return this.#processes.has(tab);
  }

  tab(index: number): Client | null {
    return this.#processes.get(index)?.client ?? null;
  }

  /** Unix ms, as wrong as the device's clock is. */
  now(): number {
    const { now } = this.#deps.timeline;
    return Math.max(0, Math.floor(beginning + now + this.clockOffsetMs + (now / 1_000) * this.options.driftMs));
  }

  start(index: number): void {
    if (this.#processes.has(index)) return;
    const process: Process = { hub: this.#openHub(index), sockets: new Set(), isAlive: true, client: null, sleep: null };
    this.#processes.set(index, process);
    createClient(this.#clientOptions(process)).then(
      (client) => {
        if (!process.isAlive) return;
        const seen = this.#deps.mutant?.client?.(client) ?? client;
        process.client = seen;
        this.#deps.witness.started({ index, client: seen });
      },
      (error) => {
        if (!process.isAlive) return;
        this.#end(index, process);
        this.#deps.witness.failed(index, error);
      },
    );
  }

  kill(index: number): void {
    const process = this.#processes.get(index);
    if (process === undefined) return;
    this.#end(index, process);
    if (this.#deps.mutant?.losesLastCommit === true && this.lastBackup !== null) this.disk.place.restore(this.lastBackup);
    for (const socket of process.sockets) this.network.deviceGone(socket);
  }

  killAll(): void {
    for (const index of [...this.#processes.keys()]) this.kill(index);
  }

  /** As the person closes a tab, with the time to end in order. */
  close(index: number): void {
    const process = this.#processes.get(index);
    if (process?.client == null) return;
    const { client } = process;
    this.#processes.delete(index);
    client.close().then(
      () => {
        process.isAlive = false;
      },
      (error) => this.#deps.witness.failed(index, error),
    );
  }

  /** The browser freezes the tab's page for a while. */
  sleep(index: number, isAsleep: boolean): void {
    const sleep = this.#processes.get(index)?.sleep;
    if (isAsleep) sleep?.onSleep();
    else sleep?.onWake();
  }

  restoreBackup(backup: VolatileBackup): void {
    this.killAll();
    this.diskLife++;
    this.disk.place.restore(backup);
  }

  /** The browser throws away what the site kept: a new replica begins. */
  wipe(): void {
    this.killAll();
    this.diskLife++;
    this.#replicas++;
    this.disk.place.restore(createVolatilePlace().snapshot());
  }

  networkChanged(): void {
    for (const listener of this.#networkListeners) listener();
    this.network.changed();
  }

  /** The person logs in again, under a new device. */
  login(): void {
    this.isLoggedOut = false;
    this.#token = null;
    this.#logins++;
    for (const { client } of this.tabs) client.syncNow();
  }

  get loginDevice(): DeviceId {
    return idOf<DeviceId>(`${this.options.name} login ${this.#logins}`);
  }

  #openHub(index: number): HubTab {
    if (this.#bus !== null) return this.#bus.open();
    return this.#hub.open((onSleep, onWake) => {
      // The process is put into its map after its tab is open.
      queueMicrotask(() => {
        const process = this.#processes.get(index);
        if (process !== undefined) process.sleep = { onSleep, onWake };
      });
      return () => undefined;
    });
  }

  #end(index: number, process: Process): void {
    process.isAlive = false;
    process.hub.kill();
    this.#processes.delete(index);
  }

  #clientOptions(process: Process): ClientOptions {
    const { name } = this.options;
    return {
      url: 'http://server',
      getToken: (reason) => this.#getToken(process, reason),
      name,
      store: this.disk.open(() => process.isAlive),
      tabs: process.hub,
      device: idOf<DeviceId>(`${name} replica ${this.#replicas}`),
      compression: false,
      environment: this.#environment(process),
    };
  }

  #environment(process: Process): ClientEnvironment {
    const { timeline } = this.#deps;
    return {
      now: () => this.now(),
      random: () => this.#dice.next(),
      newId: () => idOf<DeviceId>(`${this.options.name} ${this.#made++}`),
      setTimer: (work, ms) => timeline.after(ms, () => process.isAlive && work()),
      clearTimer: (cancel) => (cancel as (() => void) | null)?.(),
      openSocket: () => this.#openSocket(process),
      fetch: (url, init) => this.#fetch(process, url, init),
      isOnline: () => !this.network.weather.isOffline,
      onNetworkChange: (listener) => {
        const heard = (): void => {
          if (process.isAlive) listener();
        };
        this.#networkListeners.add(heard);
        return () => this.#networkListeners.delete(heard);
      },
    };
  }

  #nextNode(): ServerNode {
    const { nodes } = this.#deps.server;
    const node = nodes[(this.#nodeTurn++ + this.options.name.length) % nodes.length];
    if (node === undefined) throw new Error('a server has a node');
    return node;
  }

  #openSocket(process: Process): SocketLike {
    const tell = (work: () => void): void => {
      if (process.isAlive) work();
    };
    const like: SocketLike = {
      binaryType: 'blob',
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (bytes) => socket.send(new Uint8Array(bytes)),
      close: () => socket.close(),
    };
    const socket = this.network.open(this.#nextNode(), {
      onOpen: () => tell(() => like.onopen?.()),
      onFrame: (frame) => tell(() => like.onmessage?.({ data: new Uint8Array(frame).buffer })),
      onClose: (code, reason) =>
        tell(() => {
          process.sockets.delete(socket);
          if (code === 1006) like.onerror?.();
          like.onclose?.({ code, reason });
        }),
    });
    process.sockets.add(socket);
    return like;
  }

  #fetch(process: Process, address: string, init: RequestInit): Promise<Response> {
    const { server } = this.#deps;
    const headers = init.headers as Readonly<Record<string, string>>;
    const request = {
      method: init.method ?? 'GET',
      path: address.replace('http://server/api/v1', ''),
      token: (headers['authorization'] ?? '').replace('Bearer ', ''),
      body: (init.body ?? null) as Uint8Array | string | null,
    };
    return new Promise((resolve, reject) => {
      const tell = (work: () => void): void => {
        if (process.isAlive) work();
      };
      const { witness } = this.#deps;
      witness.note(`→ ${request.method} ${request.path}${typeof request.body === 'string' ? ` ${request.body}` : ''}`);
      init.signal?.addEventListener('abort', () => tell(() => reject(init.signal?.reason)));
      this.network.request(
        this.#nextNode(),
        (node, respond) =>
          serveHttp(node, server.options.limits, request, (answer) => {
            if (request.path.includes('/snapshot')) this.snapshotUntil = server.logs.get(this.options.userId)?.head.seq ?? null;
            respond(answer);
          }),
        (answer: HttpAnswer | null) =>
          tell(() => {
            witness.note(`← ${request.path}: ${answer === null ? 'failed' : textOf(answer)}`);
            if (answer === null) reject(new TypeError('Failed to fetch'));
            else resolve(toResponse(answer));
          }),
      );
    });
  }

  /** The app's part: it keeps the token, refreshes it, and logs in again when the session has ended. */
  #getToken(process: Process, reason: string): Promise<string | null> {
    if (this.isLoggedOut) return Promise.resolve(null);
    if (reason === 'start' && this.#token !== null) return Promise.resolve(this.#token);
    const { server } = this.#deps;
    return new Promise((resolve, reject) => {
      this.network.request<string | null>(
        this.#nextNode(),
        (node, respond) =>
          node.query(
            'login',
            () => respond(this.#renew(server)),
            () => respond(null),
          ),
        (token) => {
          if (!process.isAlive) return;
          if (token === null) return reject(new TypeError('Failed to fetch'));
          if (token === '') return resolve(null);
          this.#token = token;
          resolve(token);
        },
      );
    });
  }

  /** @returns '' when nobody may log in from here. */
  #renew(server: VolatileServer): string {
    const refreshed = this.#token === null ? null : server.refresh(this.#token);
    if (refreshed?.includes('.') === true) return refreshed;
    const token = server.login(this.options.userId, this.loginDevice);
    return token.includes('.') ? token : '';
  }
}

const textOf = ({ status, body }: HttpAnswer): string => `${status} ${typeof body === 'string' ? body : `${body.length} bytes`}`;

function toResponse({ status, body, headers = {} }: HttpAnswer): Response {
  const isOk = status >= 200 && status < 300;
  // Of a Response only what the client reads: a real one takes turns of the event loop that are not counted.
  const response = {
    ok: isOk,
    status,
    headers: { get: (name: string) => headers[name] ?? null },
    json: async () => JSON.parse(typeof body === 'string' ? body : ''),
    arrayBuffer: async () => new Uint8Array(body as Uint8Array).buffer,
  };
  return response as unknown as Response;
}
