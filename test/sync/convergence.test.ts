/** Devices with their sessions against the model server, in one process, with every schedule a seed may bring. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { Write } from '../../src/core/register.ts';
import type { ClientFrame, ServerFrame } from '../../src/protocol/frames.ts';
import { DeviceSession, receiveFrame } from '../../src/sync/device-session.ts';
import { Replica } from '../../src/sync/replica.ts';
import { creation } from '../support/append.ts';
import { type ModelConnection, ModelServer, modelId, smallLimits } from '../support/model-server.ts';

const memories = Array.from({ length: 4 }, (_, n) => modelId<MemoryId>('memory', n));

/** A device, its session, and the two directions of its socket as queues that move when the schedule says so. */
class SimulatedDevice {
  readonly #server: ModelServer;
  readonly #newId: () => DeviceId;
  #session: DeviceSession | null = null;
  connection: ModelConnection | null = null;
  #toServer: ClientFrame[] = [];
  #toDevice: ServerFrame[] = [];
  readonly replica: Replica;
  clockMs: number;
  /** Ops that were written here, whatever became of them. */
  written = 0;

  constructor(server: ModelServer, id: DeviceId, clockMs: number, newId: () => DeviceId) {
    this.#server = server;
    this.#newId = newId;
    this.replica = new Replica(id);
    this.clockMs = clockMs;
  }

  get isConnected(): boolean {
    return this.connection?.isOpen === true;
  }

  get isBusy(): boolean {
    return this.#toServer.length > 0 || this.#toDevice.length > 0 || (this.connection?.waiting ?? 0) > 0;
  }

  get isCaughtUp(): boolean {
    return this.#session?.isCaughtUp === true;
  }

  write(memoryId: MemoryId, writes: readonly Write[]): void {
    this.written++;
    this.replica.write(memoryId, { writes }, this.clockMs);
    this.flush();
  }

  flush(): void {
    if (this.isConnected) this.#toServer.push(...(this.#session?.flush() ?? []));
  }

  connect(): void {
    if (this.isConnected) return;
    this.#toServer = [];
    this.#toDevice = [];
    this.#session = new DeviceSession(this.replica, { newDeviceId: this.#newId });
    this.connection = this.#server.connect((frame) => this.#toDevice.push(frame));
    this.#toServer.push(this.#session.hello(this.clockMs));
  }

  /** What is on its way is lost, in both directions. */
  cut(): void {
    this.connection?.cut();
    this.#toServer = [];
    this.#toDevice = [];
  }

  sendOne(): void {
    const frame = this.#toServer.shift();
    if (frame !== undefined && this.isConnected) this.connection?.receive(frame);
  }

  receiveOne(twice = false): void {
    const frame = this.#toDevice.shift();
    if (frame === undefined || this.#session === null) return;
    this.#receive(this.#session, frame);
    if (twice && frame.type === 'DELTA') this.#receive(this.#session, frame);
  }

  #receive(session: DeviceSession, frame: ServerFrame): void {
    const { send, reconnect } = receiveFrame(session, this.replica, frame, this.clockMs);
    this.#toServer.push(...send);
    if (reconnect !== undefined) this.cut();
  }
}

const writesArb: fc.Arbitrary<readonly Write[]> = fc.oneof(
  { arbitrary: fc.constantFrom('a', 'b', 'c').map((text) => creation(text)), weight: 3 },
  { arbitrary: fc.constantFrom('d', 'e').map((value): Write[] => [{ register: 'content', value }]), weight: 4 },
  { arbitrary: fc.boolean().map((value): Write[] => [{ register: 'deleted', value }]), weight: 2 },
  {
    arbitrary: fc
      .tuple(fc.constantFrom('tags/x', 'tags/y', 'tags/z') as fc.Arbitrary<Write['register']>, fc.boolean())
      .map(([register, value]): Write[] => [{ register, value }]),
    weight: 2,
  },
  {
    arbitrary: fc
      .constantFrom<Write>({ register: 'confidence', value: 7 }, { register: 'type', value: 'task' })
      .map((write) => [write]),
    weight: 1,
  },
);

const stepArb = fc.oneof(
  {
    arbitrary: fc.record({ does: fc.constant('write' as const), memory: fc.nat(memories.length - 1), writes: writesArb }),
    weight: 6,
  },
  { arbitrary: fc.record({ does: fc.constant('send' as const) }), weight: 6 },
  { arbitrary: fc.record({ does: fc.constant('receive' as const), twice: fc.boolean() }), weight: 6 },
  { arbitrary: fc.record({ does: fc.constant('work' as const), choice: fc.nat(5) }), weight: 8 },
  { arbitrary: fc.record({ does: fc.constant('fail' as const), choice: fc.nat(5) }), weight: 1 },
  { arbitrary: fc.record({ does: fc.constant('connect' as const) }), weight: 4 },
  { arbitrary: fc.record({ does: fc.constant('cut' as const) }), weight: 1 },
  { arbitrary: fc.record({ does: fc.constant('sleep' as const), ms: fc.integer({ min: -50, max: 200 }) }), weight: 2 },
);

type Step = typeof stepArb extends fc.Arbitrary<infer T> ? T : never;

function perform(device: SimulatedDevice, step: Step): void {
  switch (step.does) {
    case 'write':
      return device.write(memories[step.memory] as MemoryId, step.writes);
    case 'send':
      return device.sendOne();
    case 'receive':
      return device.receiveOne(step.twice);
    case 'work':
      return device.connection?.work(step.choice);
    case 'fail':
      return device.connection?.fail(step.choice);
    case 'connect':
      return device.connect();
    case 'cut':
      return device.cut();
    case 'sleep':
      device.clockMs += step.ms;
  }
}

/** Runs everything to its end, as a network that has become calm would. */
function settle(devices: readonly SimulatedDevice[]): void {
  for (let round = 0; round < 500; round++) {
    for (const device of devices) {
      device.connect();
      device.connection?.tick();
      device.flush();
      for (let i = 0; device.isBusy && i < 10_000; i++) {
        device.connection?.work(0);
        device.receiveOne();
        device.sendOne();
      }
    }
    if (devices.every((device) => device.isConnected && device.isCaughtUp && !device.isBusy)) return;
  }
  throw new Error(
    `no end: ${JSON.stringify(devices.map(({ replica }) => ({ cursor: replica.cursor, outbox: replica.outbox.length })))}`,
  );
}

function simulate(deviceCount: number): { readonly server: ModelServer; readonly devices: readonly SimulatedDevice[] } {
  const server = new ModelServer();
  let made = 0;
  const newId = (): DeviceId => modelId<DeviceId>('device', made++);
  const devices = Array.from(
    { length: deviceCount },
    (_, index) => new SimulatedDevice(server, newId(), 1_000 + 100 * index, newId),
  );
  return { server, devices };
}

function expectEqual(server: ModelServer, devices: readonly SimulatedDevice[]): void {
  for (const { replica } of devices) {
    expect(replica.outbox).toEqual([]);
    expect(replica.cursor).toBe(server.head.seq);
    expect(new Map(replica.rows)).toEqual(server.memories);
    expect(replica.stateHash).toBe(server.stateHash);
  }
}

describe('devices and a server', () => {
  const scheduleArb = fc.array(fc.tuple(fc.nat(2), stepArb), { minLength: 10, maxLength: 200, size: 'max' });

  it('[SYN-4] [SYN-6] whatever the schedule, all come to hold the same rows, each op once', () => {
    fc.assert(
      fc.property(scheduleArb, (schedule) => {
        const { server, devices } = simulate(3);
        for (const [index, step] of schedule) {
          server.now += 1;
          const device = devices[index];
          if (device !== undefined) perform(device, step);
        }
        settle(devices);
        expectEqual(server, devices);
        expect(server.events.length).toBe(devices.reduce((sum, device) => sum + device.written, 0));
      }),
      { numRuns: 400 },
    );
  });

  it('[SYN-4] at every moment a device holds an exact prefix of the log, but for a snapshot under way', () => {
    fc.assert(
      fc.property(scheduleArb, (schedule) => {
        const { server, devices } = simulate(3);
        for (const [index, step] of schedule) {
          const device = devices[index];
          if (device === undefined) continue;
          perform(device, step);
          const { replica } = device;
          const last = new Map(
            server.events
              .slice(0, replica.cursor)
              .filter((event) => event.outcome !== 'rejected')
              .map((event) => [event.memoryId, event.seq]),
          );
          for (const [id, seq] of last) expect(replica.rows.get(id)?.seq ?? 0).toBeGreaterThanOrEqual(seq);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('[SYN-5] the store begins anew: outboxes are replayed, and all agree again', () => {
    fc.assert(
      fc.property(scheduleArb, scheduleArb, (first, second) => {
        const { server, devices } = simulate(3);
        for (const [index, step] of first) devices[index] !== undefined && perform(devices[index], step);
        const waiting = devices.map(({ replica }) => replica.outbox.length);
        server.wipe();
        for (const [index, device] of devices.entries()) expect(device.replica.outbox.length).toBe(waiting[index]);
        for (const [index, step] of second) devices[index] !== undefined && perform(devices[index], step);
        for (const device of devices) device.write(memories[0] as MemoryId, creation('after'));
        settle(devices);
        expectEqual(server, devices);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a replica', () => {
  const id = modelId<DeviceId>('device', 0);
  const memory = memories[0] as MemoryId;

  /** A server with so many events of another device. */
  function serverWith(events: number): ModelServer {
    const server = new ModelServer();
    const other = server.replica(modelId<DeviceId>('device', 9));
    for (let counter = 1; counter <= events; counter++) {
      const op = {
        memoryId: memories[counter % memories.length] as MemoryId,
        hlc: { ms: 1, count: 0 },
        change: { writes: creation(`${counter}`) },
      };
      server.submit({
        kind: 'push',
        userId: server.head.userId,
        device: other,
        firstCounter: counter,
        base: server.head.seq,
        ops: [op],
      });
    }
    return server;
  }

  const delta = (server: ModelServer, from: number, count: number) => {
    const piece = server.piece(from, -1, count);
    return { type: 'DELTA', from, to: piece.to, head: piece.head, events: piece.events } as const;
  };

  it('[SYN-4] skips what it has, in overlaps and duplicates', () => {
    const server = serverWith(10);
    const replica = new Replica(id);
    expect(replica.apply(delta(server, 0, 4), 1).events.map((event) => event.seq)).toEqual([1, 2, 3, 4]);
    expect(replica.apply(delta(server, 0, 4), 1).events).toEqual([]);
    expect(replica.apply(delta(server, 2, 4), 1).events.map((event) => event.seq)).toEqual([5, 6]);
    expect(replica.apply(delta(server, 0, 10), 1).events.map((event) => event.seq)).toEqual([7, 8, 9, 10]);
    expect(replica.apply(delta(server, 1, 2), 1).events).toEqual([]);
    expect(replica.cursor).toBe(10);
    expect(replica.stateHash).toBe(server.stateHash);
  });

  it('[SYN-4] refuses a delta that begins after its cursor', () => {
    expect(() => new Replica(id).apply(delta(serverWith(5), 1, 2), 1)).toThrow(RangeError);
  });

  it('[SYN-5] begins again in another lineage: rows stay until they are swept, ops stay and have seen nothing', () => {
    const replica = new Replica(id);
    replica.apply(delta(serverWith(3), 0, 3), 1);
    replica.write(memory, { writes: creation('mine') }, 5);
    replica.perform({ kind: 'restart', resync: { reason: 'lineage', shared: 0 } }, 1);
    expect([replica.cursor, replica.rows.size, replica.epoch]).toEqual([0, 3, null]);
    expect(replica.outbox).toMatchObject([{ counter: 1, base: 0, memoryId: memory }]);
    expect(replica.view(memory)?.content).toBe('mine');
  });

  it('[SYN-5] begins again in the same lineage: what its ops had seen is still what they had seen', () => {
    const replica = new Replica(id);
    replica.apply(delta(serverWith(3), 0, 3), 1);
    replica.write(memory, { writes: creation('mine') }, 5);
    replica.perform({ kind: 'restart', resync: { reason: 'expired', shared: null } }, 1);
    expect(replica.outbox).toMatchObject([{ counter: 1, base: 3, memoryId: memory }]);
  });

  it('[SYN-13] goes on as another device with the same ops, numbered from 1, and knows where they were', () => {
    const replica = new Replica(id);
    for (const content of ['a', 'b']) replica.write(memory, { writes: creation(content) }, 5);
    replica.perform({ kind: 'fork', device: modelId<DeviceId>('device', 1) }, 1);
    expect(replica.device).toBe(modelId<DeviceId>('device', 1));
    expect(replica.outbox.map((op) => [op.counter, op.origin])).toEqual([
      [1, { device: id, counter: 1 }],
      [2, { device: id, counter: 2 }],
    ]);
    expect(replica.write(memory, { writes: creation('d') }, 5).counter).toBe(3);
  });

  it('[SYN-5] what a server lost is offered again by a device that holds it, before what the device wrote since', () => {
    const server = new ModelServer();
    const device = new SimulatedDevice(server, id, 1, () => id);
    for (let i = 0; i < 5; i++) device.write(memory, creation(`${i}`));
    settle([device]);
    server.wipe();
    device.cut();
    device.write(memory, [{ register: 'tags/after', value: true }]);
    settle([device]);
    expect(server.events.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ['create', 'applied'],
      ['update', 'applied'],
    ]);
    expect(device.replica.view(memory)).toMatchObject({ content: '4', tags: ['after'] });
    expectEqual(server, [device]);
  });

  it('[SYN-2] a clone is told so, and keeps its outbox under a new id', () => {
    const server = new ModelServer();
    const original = new SimulatedDevice(server, id, 1, () => id);
    const clone = new SimulatedDevice(server, id, 1, () => modelId<DeviceId>('device', 1));
    original.write(memory, creation('original'));
    original.write(memory, creation('original again'));
    settle([original]);
    clone.write(memory, creation('clone'));
    settle([original, clone]);
    expect(clone.replica.device).not.toBe(id);
    expect(server.events.map((event) => event.change?.writes[0]?.value)).toEqual(['original', 'original again', 'clone']);
    expectEqual(server, [original, clone]);
  });

  it('[LOG-3] an erased memory keeps its time of creation on a device that never saw it whole', () => {
    const server = new ModelServer();
    const { userId } = server.head;
    const writer = server.replica(id);
    const change = { writes: creation('secret'), createdAt: 7 };
    const op = { memoryId: memory, hlc: { ms: 500, count: 0 }, change };
    server.submit({ kind: 'push', userId, device: writer, firstCounter: 1, base: 0, ops: [op] });
    const decide = () => ({ write: { writes: [], createdAt: 7 }, erase: true });
    server.submit({ kind: 'write', userId, actor: writer, memoryId: memory, decide });
    const [creating, erasing] = server.events;
    if (creating === undefined || erasing === undefined) throw new Error('two events were written');
    const replica = new Replica(modelId<DeviceId>('device', 1));
    replica.apply({ type: 'DELTA', from: 0, to: 2, head: 2, events: [{ ...creating, change: null }, erasing] }, 1);
    expect(new Map(replica.rows)).toEqual(server.memories);
  });
});

describe('a device session', () => {
  it('[SYN-13] an op that left the outbox before an older one leaves a gap: the others keep their counters', () => {
    const { replica, session } = welcomed();
    const [a, b, c] = ['a', 'b', 'c'].map((content) => replica.write(memory, { writes: creation(content) }, 1));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were written');
    const event = {
      seq: 1,
      device: id,
      counter: 2,
      hlc: b.hlc,
      at: 1,
      memoryId: memory,
      change: b.change,
      lost: [],
      conflicts: [],
    };
    const events = [{ ...event, kind: 'create', outcome: 'applied' } as const];
    replica.apply({ type: 'DELTA', from: 0, to: 1, head: 1, events }, 1);
    expect(replica.outbox).toEqual([a, c]);
    expect(session.flush()).toMatchObject([
      { firstCounter: 1, ops: [{ hlc: a.hlc }] },
      { firstCounter: 3, ops: [{ hlc: c.hlc }] },
    ]);
  });

  const id = modelId<DeviceId>('device', 0);
  const memory = memories[0] as MemoryId;

  function welcomed(): { readonly replica: Replica; readonly session: DeviceSession } {
    const replica = new Replica(id);
    const session = new DeviceSession(replica, { newDeviceId: () => id });
    const { maxFrameBytes, maxOps, maxInFlight } = smallLimits;
    const told = {
      protocol: 1,
      epoch: new ModelServer().head.epoch,
      head: 0,
      floor: 0,
      lastCounter: 0,
      now: 1,
      tokenExpiresAt: 1,
    };
    receiveFrame(session, replica, { type: 'WELCOME', ...told, limits: { maxFrameBytes, maxOps, maxInFlight } }, 1);
    return { replica, session };
  }

  it('[SYN-10] pushes again what the server could not take, when its owner says so', () => {
    for (const code of ['unavailable', 'overloaded', 'internal_error']) {
      const { replica, session } = welcomed();
      replica.write(memory, { writes: creation('a') }, 1);
      const [first] = session.flush();
      expect(session.flush()).toEqual([]);
      expect(session.receive({ type: 'ERROR', code, detail: '' })).toMatchObject({ send: [], error: { code } });
      expect(session.flush()).toEqual([first]);
    }
  });

  it('[SYN-10] does not push again what the server refused for good', () => {
    const { replica, session } = welcomed();
    replica.write(memory, { writes: creation('a') }, 1);
    session.flush();
    session.receive({ type: 'ERROR', code: 'invalid_frame', detail: '' });
    expect(session.flush()).toEqual([]);
  });

  it('[LOG-2] fills a gap from the counter that the server names', () => {
    const { replica, session } = welcomed();
    for (const content of ['a', 'b', 'c', 'd']) replica.write(memory, { writes: creation(content) }, 1);
    expect(session.flush().map((frame) => frame.type === 'PUSH' && frame.firstCounter)).toEqual([1, 4]);
    const { send } = session.receive({ type: 'ERROR', code: 'counter_gap', detail: '', expected: 2 });
    expect(send).toMatchObject([{ type: 'PUSH', firstCounter: 2, ops: [{}, {}, {}] }]);
  });

  it('[SYN-3] [SYN-13] drops an op with the frame that brings its event, not with an acknowledgement alone', () => {
    const { replica, session } = welcomed();
    const op = replica.write(memory, { writes: creation('a') }, 1);
    session.flush();
    const empty = { type: 'DELTA', from: 0, to: 0, head: 0, acked: 1, events: [] } as const;
    const { send } = receiveFrame(session, replica, empty, 1);
    expect(replica.outbox).toEqual([op]);
    expect(send).toMatchObject([{ type: 'GOT' }, { type: 'PUSH', firstCounter: 1 }]);
    const event = {
      seq: 1,
      device: id,
      counter: 1,
      hlc: op.hlc,
      at: 1,
      memoryId: memory,
      change: op.change,
      lost: [],
      conflicts: [],
    };
    const events = [{ ...event, kind: 'create', outcome: 'applied' } as const];
    const { results } = receiveFrame(session, replica, { type: 'DELTA', from: 0, to: 1, head: 1, acked: 1, events }, 1);
    expect(results[0]?.acknowledged).toEqual([op]);
    expect(session.isCaughtUp).toBe(true);
  });

  it('[SYN-13] an event with its dot that is not its op means a clone: it takes another id and keeps the op', () => {
    const { replica, session } = welcomed();
    const op = replica.write(memory, { writes: creation('mine') }, 1);
    const event = { seq: 1, device: id, counter: 1, hlc: op.hlc, at: 1, memoryId: memory, change: { writes: creation('its') } };
    const events = [{ ...event, kind: 'create', outcome: 'applied', lost: [], conflicts: [] } as const];
    const received = receiveFrame(session, replica, { type: 'DELTA', from: 0, to: 1, head: 1, events }, 1);
    expect(received.reconnect).toBe('forked');
    expect(replica.row(memory)?.content).toBe('its');
    expect(replica.view(memory)?.content).toBe('mine');
    expect(replica.outbox).toMatchObject([{ counter: 1, origin: { device: id, counter: 1 } }]);
  });
});
