/**
 * The network between one device and the server. A socket is two directed queues of byte frames that keep their order; what
 * may happen to it is what happens to TCP: delay, silence in one direction, an end at any frame or in the middle of one, at
 * which each side learns of it in its own time, and frames that still arrive after the device has long opened another socket.
 */
import { unpackClientFrame } from '../../src/protocol/binary-codec.ts';
import type { Dice } from './dice.ts';
import type { Mutant } from './mutant.ts';
import type { ServerConnection } from './server-connection.ts';
import type { Timeline } from './timeline.ts';
import type { ServerNode } from './volatile-server.ts';

/** What the network of one device is like now. */
export interface NetworkWeather {
  minDelayMs: number;
  maxDelayMs: number;
  /** That the socket ends at a frame. */
  cut: number;
  /** That it ends in the middle of one, of which a part arrives. */
  cutInside: number;
  /** That a PUSH arrives again, on this socket or the next one. */
  repeat: number;
  /** Nothing goes in this direction. */
  isSilentUp: boolean;
  isSilentDown: boolean;
  /** No socket opens; what HTTP carries goes through. */
  blocksSockets: boolean;
  /** Nothing at all, and the device knows. */
  isOffline: boolean;
  /** Of an HTTP request: that it never arrives, that its answer does not, that it arrives twice. */
  lostRequest: number;
  lostAnswer: number;
  repeatedRequest: number;
}

export const calm: NetworkWeather = {
  minDelayMs: 1,
  maxDelayMs: 20,
  cut: 0,
  cutInside: 0,
  repeat: 0,
  isSilentUp: false,
  isSilentDown: false,
  blocksSockets: false,
  isOffline: false,
  lostRequest: 0,
  lostAnswer: 0,
  repeatedRequest: 0,
};

/** The device's end of a socket, as the browser tells of it. */
export interface SocketEvents {
  readonly onOpen: () => void;
  readonly onFrame: (frame: Uint8Array) => void;
  readonly onClose: (code: number, reason: string) => void;
}

export interface DeviceSocket {
  send(frame: Uint8Array): void;
  close(): void;
}

export interface NetworkWitness {
  up(socket: number, frame: Uint8Array): void;
  down(socket: number, frame: Uint8Array): void;
  note(text: string): void;
}

/** After which a system gives up on a connection that is silent, ms. */
const giveUpMs = 120_000;
/** `PUSH` on the wire: an array of 5 with code 3. */
const isHello = (frame: Uint8Array): boolean => (frame[0] ?? 0) >> 4 === 9 && frame[1] === 1;
const isPush = (frame: Uint8Array): boolean => frame[0] === 0x95 && frame[1] === 3;

/** Device and epoch of a HELLO. */
function speakerOf(frame: Uint8Array): string {
  const hello = unpackClientFrame(frame);
  return hello.type === 'HELLO' ? `${hello.device} ${hello.epoch}` : '';
}

export class DeviceNetwork {
  readonly weather: NetworkWeather = { ...calm };
  readonly #timeline: Timeline;
  readonly #dice: (name: string) => Dice;
  readonly #witness: NetworkWitness;
  readonly #mutant: Mutant | null;
  readonly #sockets = new Set<SimulatedSocket>();
  #opened = 0;
  #requested = 0;
  /** A PUSH that a proxy kept, to send it again. */
  #kept: { readonly frame: Uint8Array; readonly speaker: string } | null = null;

  constructor(timeline: Timeline, dice: (name: string) => Dice, witness: NetworkWitness, mutant: Mutant | null) {
    this.#timeline = timeline;
    this.#mutant = mutant;
    this.#dice = dice;
    this.#witness = witness;
  }

  open(node: ServerNode, events: SocketEvents): DeviceSocket {
    const index = this.#opened++;
    const socket = new SimulatedSocket(
      {
        timeline: this.#timeline,
        dice: this.#dice(`socket ${index}`),
        weather: this.weather,
        witness: this.#witness,
        network: this,
        mutant: this.#mutant,
      },
      index,
      node,
      events,
    );
    this.#sockets.add(socket);
    return socket;
  }

  /** Every socket of the device ends now; each side learns of it in its own time. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.cut('cut');
  }

  /** What went in no direction while it was silent goes on its way. */
  changed(): void {
    for (const socket of this.#sockets) socket.flow();
  }

  /** The server's process is gone: its system says so, or nobody does. */
  nodeCrashed(node: ServerNode): void {
    for (const socket of this.#sockets) if (socket.node === node) socket.serverGone();
  }

  /** The device's process is gone: its system closes its sockets. */
  deviceGone(socket: DeviceSocket): void {
    (socket as SimulatedSocket).deviceGone();
  }

  /**
   * An HTTP request. It may never arrive, arrive twice, or its answer may be lost.
   * @param done null: the network failed. Not called at all where nothing ever comes back.
   */
  request<T>(
    node: ServerNode,
    serve: (node: ServerNode, respond: (answer: T) => void) => void,
    done: (answer: T | null) => void,
  ): void {
    const { weather } = this;
    const dice = this.#dice(`request ${this.#requested++}`);
    const delay = (): number => weather.minDelayMs + (weather.maxDelayMs - weather.minDelayMs) * dice.next() ** 3;
    const fail = (): void => {
      this.#timeline.after(delay(), () => done(null));
    };
    if (weather.isOffline || !node.isUp || dice.chance(weather.lostRequest)) return fail();
    if (weather.isSilentUp) return;
    let isAnswered = false;
    const respond = (answer: T): void => {
      if (isAnswered) return;
      isAnswered = true;
      if (dice.chance(weather.lostAnswer)) return fail();
      if (!weather.isSilentDown) this.#timeline.after(delay(), () => done(answer));
    };
    const arrive = (): void => {
      if (node.isUp) serve(node, respond);
      else if (!isAnswered) fail();
    };
    this.#timeline.after(delay(), arrive);
    if (dice.chance(weather.repeatedRequest)) this.#timeline.after(delay() + dice.between(0, 5_000), arrive);
    // A process that crashes closes its connections.
    node.whenCrashed(() => {
      if (isAnswered) return;
      isAnswered = true;
      fail();
    });
  }

  ended(socket: SimulatedSocket): void {
    this.#sockets.delete(socket);
  }

  keep(frame: Uint8Array, speaker: string): void {
    this.#kept = { frame, speaker };
  }

  /** Only for a socket that speaks for the same device and epoch: no network turns one device's frame into another's. */
  takeKept(speaker: string): Uint8Array | null {
    const kept = this.#kept;
    if (kept?.speaker !== speaker) return null;
    this.#kept = null;
    return kept.frame;
  }

  forget(): void {
    this.#kept = null;
  }
}

interface SocketDeps {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly weather: NetworkWeather;
  readonly witness: NetworkWitness;
  readonly network: DeviceNetwork;
  readonly mutant: Mutant | null;
}

type Direction = 'up' | 'down';

interface Lane {
  readonly waiting: { readonly frame: Uint8Array; readonly isPart: boolean }[];
  isMoving: boolean;
  /** Nothing more arrives on this side. */
  isOver: boolean;
}

class SimulatedSocket implements DeviceSocket {
  readonly #deps: SocketDeps;
  readonly index: number;
  readonly node: ServerNode;
  readonly #events: SocketEvents;
  readonly #lanes: Readonly<Record<Direction, Lane>> = {
    up: { waiting: [], isMoving: false, isOver: false },
    down: { waiting: [], isMoving: false, isOver: false },
  };
  #connection: ServerConnection | null = null;
  #isOpen = false;
  /** Each side's own view: it has closed, or learnt of the end. */
  #isDeviceDone = false;
  #isServerDone = false;
  #isPaused = false;
  #speaker = '';
  #closing: { readonly code: number; readonly reason: string } | null = null;

  constructor(deps: SocketDeps, index: number, node: ServerNode, events: SocketEvents) {
    this.#deps = deps;
    this.index = index;
    this.node = node;
    this.#events = events;
    deps.timeline.after(this.#delay(), () => this.#shakeHands());
  }

  send(frame: Uint8Array): void {
    if (!this.#isOpen || this.#isDeviceDone) return;
    this.#deps.witness.up(this.index, frame);
    if (isHello(frame)) this.#speaker = speakerOf(frame);
    else if (isPush(frame)) this.#repeatKept();
    for (const sent of this.#deps.mutant?.up?.(frame) ?? [frame]) this.#put('up', sent);
  }

  /** The device closes: what it sent before still goes out, then the server learns of it. */
  close(): void {
    if (this.#isDeviceDone) return;
    this.#isDeviceDone = true;
    this.#lanes.down.isOver = true;
    // Through a silent network no farewell goes either.
    this.#learnServer(this.#deps.weather.isSilentUp ? giveUpMs : this.#delay() + this.#backlogMs('up'));
  }

  /** The process of the device ended: what it sent is on its way, and may arrive. */
  deviceGone(): void {
    this.close();
  }

  serverGone(): void {
    this.#isServerDone = true;
    this.#lanes.up.isOver = true;
    this.#lanes.down.isOver = this.#lanes.down.isOver || this.#deps.dice.chance(0.5);
    // A machine that lost its power tells nobody.
    if (this.#deps.dice.chance(0.7)) this.#learnDevice(this.#delay(), 1006, '');
    else this.#deps.timeline.after(giveUpMs, () => this.#learnDevice(0, 1006, ''));
  }

  cut(why: string): void {
    this.#deps.witness.note(`socket ${this.index}: ${why}`);
    const { dice } = this.#deps;
    // What is on its way to the server may arrive, late; the device gets nothing more.
    this.#lanes.down.isOver = true;
    if (dice.chance(0.5)) this.#lanes.up.isOver = true;
    // A router that forgot the connection tells nobody: each side has to find out by asking.
    const isForgotten = dice.chance(0.15);
    if (!isForgotten) this.#learnDevice(dice.chance(0.8) ? this.#delay() : dice.between(1_000, 100_000), 1006, '');
    if (!isForgotten) this.#learnServer(dice.chance(0.6) ? this.#delay() : dice.between(1_000, 60_000));
    if (isForgotten) this.#lanes.up.isOver = true;
  }

  flow(): void {
    this.#move('up');
    this.#move('down');
  }

  #shakeHands(): void {
    if (this.#isDeviceDone) return this.#deps.network.ended(this);
    const { weather, timeline } = this.#deps;
    const isRefused = weather.blocksSockets || weather.isOffline || !this.node.isUp;
    if (weather.isSilentUp || weather.isSilentDown) {
      timeline.after(giveUpMs, () => this.#learnDevice(0, 1006, 'timed out'));
      return;
    }
    if (isRefused) return this.#learnDevice(this.#delay(), 1006, 'refused');
    this.#isOpen = true;
    this.#connection = this.node.connect({
      send: (frame) => {
        const frames = this.#deps.mutant?.down?.(frame) ?? [frame];
        if (frames.length === 0) this.#connection?.taken(frame.length);
        for (const sent of frames) this.#put('down', sent);
      },
      close: (code, reason) => this.#closeFromServer(code, reason),
      pause: () => {
        this.#isPaused = true;
      },
      resume: () => {
        if (!this.#isPaused) return;
        this.#isPaused = false;
        this.#move('up');
      },
    });
    this.#events.onOpen();
  }

  /** A proxy's copy of a frame of an earlier socket, among the frames of this one. */
  #repeatKept(): void {
    const kept = this.#deps.network.takeKept(this.#speaker);
    if (kept !== null) this.#put('up', kept, true);
  }

  #put(direction: Direction, frame: Uint8Array, isCopy = false): void {
    const lane = this.#lanes[direction];
    if (lane.isOver && direction === 'down') return;
    const { dice, weather, network } = this.#deps;
    if (direction === 'down' && this.#isServerDone) return;
    if (direction === 'down') this.#deps.witness.down(this.index, frame);
    if (dice.chance(weather.cut)) return this.cut('cut at a frame');
    if (dice.chance(weather.cutInside)) {
      lane.waiting.push({ frame: frame.subarray(0, dice.below(frame.length)), isPart: true });
      return this.#move(direction);
    }
    lane.waiting.push({ frame, isPart: false });
    if (!isCopy && direction === 'up' && isPush(frame) && dice.chance(weather.repeat)) {
      if (dice.chance(0.5)) lane.waiting.push({ frame, isPart: false });
      else network.keep(frame, this.#speaker);
    }
    this.#move(direction);
  }

  /** One frame at a time, each with its delay: the order stays. */
  #move(direction: Direction): void {
    const lane = this.#lanes[direction];
    if (lane.isMoving || lane.waiting.length === 0 || this.#isHeldUp(direction)) return this.#closeWhenSent(direction);
    lane.isMoving = true;
    this.#deps.timeline.after(this.#delay(), () => {
      lane.isMoving = false;
      if (this.#isHeldUp(direction)) return;
      const next = lane.waiting.shift();
      if (next === undefined) return;
      if (direction === 'down' && this.#connection !== null && !next.isPart) this.#connection.taken(next.frame.length);
      if (!lane.isOver) this.#deliver(direction, next.frame, next.isPart);
      this.#move(direction);
    });
  }

  #deliver(direction: Direction, frame: Uint8Array, isPart: boolean): void {
    if (direction === 'up') {
      if (!this.#isServerDone) this.#connection?.receive(frame);
    } else if (!this.#isDeviceDone) this.#events.onFrame(frame);
    if (isPart) this.cut('cut inside a frame');
  }

  #isHeldUp(direction: Direction): boolean {
    const { weather } = this.#deps;
    if (weather.isOffline) return true;
    return direction === 'up' ? weather.isSilentUp || this.#isPaused : weather.isSilentDown;
  }

  /** The close goes out behind the frames that were sent before it. */
  #closeFromServer(code: number, reason: string): void {
    if (this.#closing !== null || this.#isServerDone) return;
    this.#closing = { code, reason };
    this.#closeWhenSent('down');
  }

  #closeWhenSent(direction: Direction): void {
    if (direction !== 'down' || this.#closing === null || this.#lanes.down.waiting.length > 0 || this.#isServerDone) return;
    const { code, reason } = this.#closing;
    this.#learnServer(0);
    if (this.#deps.weather.isSilentDown) this.#learnDevice(giveUpMs, 1006, '');
    else this.#learnDevice(this.#delay(), code, reason);
  }

  #learnDevice(inMs: number, code: number, reason: string): void {
    this.#deps.timeline.after(inMs, () => {
      if (this.#isDeviceDone) return;
      this.#isDeviceDone = true;
      this.#events.onClose(code, reason);
      this.#endWhenBothKnow();
    });
  }

  #learnServer(inMs: number): void {
    this.#deps.timeline.after(inMs, () => {
      if (this.#isServerDone) return;
      this.#isServerDone = true;
      if (this.#connection !== null) this.node.disconnect(this.#connection);
      this.#endWhenBothKnow();
    });
  }

  #endWhenBothKnow(): void {
    if (this.#isDeviceDone && (this.#isServerDone || this.#connection === null)) this.#deps.network.ended(this);
  }

  #backlogMs(direction: Direction): number {
    return this.#lanes[direction].waiting.length * this.#deps.weather.maxDelayMs;
  }

  #delay(): number {
    const { dice, weather } = this.#deps;
    // Most frames are quick, a few are very late.
    const share = dice.next();
    return weather.minDelayMs + (weather.maxDelayMs - weather.minDelayMs) * share * share * share;
  }
}
