/** One run: the server, the devices, and the steps of a schedule, carried out at their times. */
import type { Client, ClientMemory } from '../../src/client/client-api.ts';
import { StorageFull, StorageLost } from '../../src/client/store.ts';
import type { VolatileBackup } from '../../src/client/volatile-place.ts';
import type { MemoryId, UserId } from '../../src/core/ids.ts';
import type { MemoryFields, Source } from '../../src/core/memory.ts';
import { fieldsOf } from '../../src/core/merge.ts';
import { unpackClientFrame, unpackServerFrame } from '../../src/protocol/binary-codec.ts';
import type { WriteRequest } from '../../src/server/command/append-request.ts';
import {
  decideCreate,
  decideDelete,
  decideErase,
  decideResolve,
  decideRestore,
  decideUpdate,
} from '../../src/server/command/memory-decisions.ts';
import { SimulatedDevice, type Tab } from './device.ts';
import { createDice, type Dice, idOf } from './dice.ts';
import { Judge } from './judge.ts';
import type { TrueEvent } from './log-image.ts';
import type { Mutant } from './mutant.ts';
import { calm } from './network.ts';
import type { DeviceSetup, Schedule, Step, WrittenFields } from './schedule.ts';
import { openConflicts } from './server-http.ts';
import { metaOf } from './slow-disk.ts';
import { createTimeline, type Timeline } from './timeline.ts';
import { type ServerBackup, VolatileServer } from './volatile-server.ts';

export interface World {
  readonly schedule: Schedule;
  readonly timeline: Timeline;
  readonly server: VolatileServer;
  readonly devices: ReadonlyMap<number, SimulatedDevice>;
  readonly judge: Judge;
  /** By device and tab: what a listener of its events shows. */
  readonly screens: ReadonlyMap<Client, Screen>;
}

/** What a page shows that only looks again where an event tells it to. */
export interface Screen {
  readonly device: SimulatedDevice;
  readonly shown: Map<MemoryId, string>;
}

export const memoryIdOf = (memory: number | string): MemoryId => idOf<MemoryId>(`memory ${memory}`);
export const userIdOf = (user: number): UserId => idOf<UserId>(`user ${user}`);

export interface WorldOptions {
  readonly keepsTrace: boolean;
  readonly mutant?: Mutant;
}

/** @returns a world in which every step of the schedule waits for its time. */
export function createWorld(schedule: Schedule, options: WorldOptions): World {
  const { seed, setup } = schedule;
  const timeline = createTimeline();
  const judge = new Judge(() => timeline.now, options.keepsTrace);
  const dice = (name: string): Dice => createDice(seed, name);
  const server = new VolatileServer(
    timeline,
    dice,
    {
      limits: {
        maxFrameBytes: 1_000_000,
        maxOps: setup.maxOps,
        maxInFlight: setup.maxInFlight,
        maxBufferedBytes: setup.maxBufferedBytes,
        snapshotMemories: setup.snapshotMemories,
        pageEvents: setup.pageEvents,
        helloTimeoutMs: 10_000,
        pingAfterMs: 25_000,
        silenceMs: 60_000,
        maxErrors: 20,
        maxPending: 16,
        touchEveryMs: 30_000,
      },
      nodes: setup.nodes,
      tokenMs: setup.tokenMs,
      pollMs: 1_000,
      tickMs: 5_000,
      mutant: options.mutant ?? null,
      tombstoneMs: setup.tombstoneMs,
      deviceExpiryMs: setup.deviceExpiryMs,
    },
    { committed: (userId, commit) => judge.committed(userId, commit), note: (text) => judge.note(text) },
  );
  for (const user of new Set(setup.devices.map((device) => device.user))) judge.addUser(server.addUser(userIdOf(user)));
  const run = new Run(schedule, timeline, server, judge, dice, options.mutant ?? null);
  run.begin();
  return { schedule, timeline, server, judge, devices: run.devices, screens: run.screens };
}

class Run {
  readonly #schedule: Schedule;
  readonly #timeline: Timeline;
  readonly #server: VolatileServer;
  readonly #judge: Judge;
  readonly #dice: (name: string) => Dice;
  readonly #mutant: Mutant | null;
  readonly devices = new Map<number, SimulatedDevice>();
  readonly screens = new Map<Client, Screen>();
  readonly #backups = new Map<number, VolatileBackup>();
  #serverBackup: ServerBackup | null = null;

  constructor(
    schedule: Schedule,
    timeline: Timeline,
    server: VolatileServer,
    judge: Judge,
    dice: (name: string) => Dice,
    mutant: Mutant | null,
  ) {
    this.#schedule = schedule;
    this.#timeline = timeline;
    this.#server = server;
    this.#judge = judge;
    this.#dice = dice;
    this.#mutant = mutant;
  }

  begin(): void {
    const { setup, steps } = this.#schedule;
    for (const [index, { startsAtMs }] of setup.devices.entries()) {
      this.#addDevice(index, setup.devices[index]?.user ?? 0, setup.devices[index]);
      this.#timeline.after(startsAtMs, () => this.devices.get(index)?.start(0));
    }
    for (const step of steps) {
      this.#timeline.after(step.at, () => {
        if (this.#judge.trace !== null) this.#judge.note(`step ${JSON.stringify(step)}`);
        this.#perform(step);
      });
    }
    this.#timeline.after(setup.calmAtMs, () => this.#calm());
  }

  #addDevice(
    index: number,
    user: number,
    setup: Omit<DeviceSetup, 'user' | 'startsAtMs'> | undefined,
    backup?: VolatileBackup,
  ): SimulatedDevice {
    const name = `d${index}`;
    const judge = this.#judge;
    const device: SimulatedDevice = new SimulatedDevice(
      {
        timeline: this.#timeline,
        dice: this.#dice,
        server: this.#server,
        disk: {
          committed: (change, before) => {
            if (judge.trace !== null) judge.note(`${name} keeps ${summaryOf(change)}`);
            device.lastBackup = { content: before };
            device.committedAt = this.#timeline.now;
            judge.deviceCommitted(device, change, before);
          },
          note: (text) => judge.note(`${name} ${text}`),
        },
        network: {
          up: (socket, frame) => judge.trace !== null && judge.note(`${name}/${socket} → ${frameText(frame, 'up')}`),
          down: (socket, frame) => {
            if (isSnapshot(frame)) device.snapshotUntil = judge.historyOf(device.options.userId).log.head.seq;
            if (judge.trace !== null) judge.note(`${name}/${socket} ← ${frameText(frame, 'down')}`);
          },
          note: (text) => judge.note(`${name} ${text}`),
        },
        mutant: this.#mutant,
        witness: {
          started: (tab) => this.#started(device, tab),
          failed: (tab, error) => this.#failed(device, tab, error),
          note: (text) => judge.note(`${name} ${text}`),
        },
      },
      {
        name,
        userId: userIdOf(user),
        clockOffsetMs: setup?.clockOffsetMs ?? 0,
        driftMs: setup?.driftMs ?? 0,
        tabs: setup?.tabs ?? 'locks',
        ...(backup === undefined ? {} : { backup }),
      },
    );
    device.disk.weather.maxDelayMs = this.#schedule.setup.diskDelayMs;
    this.devices.set(index, device);
    return device;
  }

  #started(device: SimulatedDevice, { index, client }: Tab): void {
    const { name } = device.options;
    this.#judge.note(`${name} tab ${index} started as ${client.device.slice(0, 4)}`);
    const screen: Screen = { device, shown: new Map() };
    this.screens.set(client, screen);
    const look = (id: MemoryId): void => {
      const memory = client.get(id);
      if (memory === null) screen.shown.delete(id);
      else screen.shown.set(id, JSON.stringify(memory));
    };
    const lookAtAll = (): void => {
      screen.shown.clear();
      for (const memory of [...client.list(), ...client.list({ deleted: true })]) look(memory.id);
    };
    lookAtAll();
    client.subscribe(({ memories }) => {
      if (memories === null) lookAtAll();
      else for (const id of memories) look(id);
    });
    this.#checkRestartLater(device, client);
  }

  /** Once nothing has been committed for a moment: what another tab just committed is on its way to this one. */
  #checkRestartLater(device: SimulatedDevice, client: Client): void {
    if (!device.hasOneLeader) return;
    this.#timeline.after(quietMs, () => {
      if (!device.tabs.some((tab) => tab.client === client)) return;
      if (this.#timeline.now - device.committedAt < quietMs) return this.#checkRestartLater(device, client);
      checkRestart(device, client, this.#judge);
    });
  }

  #failed(device: SimulatedDevice, tab: number, error: unknown): void {
    this.#judge.note(`${device.options.name} tab ${tab} failed: ${String(error)}`);
    if (error instanceof StorageFull || error instanceof StorageLost) return;
    this.#judge.accuse('crashed', `${device.options.name} tab ${tab}: ${error instanceof Error ? error.stack : String(error)}`);
  }

  #calm(): void {
    this.#judge.note('calm');
    Object.assign(this.#server.weather, { failure: 0, lostCommit: 0, minDelayMs: 1, maxDelayMs: 5, refusesProtocol: false });
    this.#server.clockOffsetMs = 0;
    for (const node of this.#server.nodes) if (!node.isUp) node.start();
    for (const device of this.devices.values()) {
      Object.assign(device.network.weather, calm);
      Object.assign(device.disk.weather, { maxDelayMs: 0, isFull: false });
      device.networkChanged();
      for (const { index } of device.tabs) device.sleep(index, false);
      if (device.tabs.length === 0) device.start(0);
    }
    this.#lookAtBadges();
  }

  /** The person looks at what the badge says now and then, and presses the button. */
  #lookAtBadges(): void {
    for (const device of this.devices.values()) {
      if (device.isRevoked) continue;
      for (const { client } of device.tabs) if (client.status.state === 'parked') client.syncNow();
    }
    this.#timeline.after(60_000, () => this.#lookAtBadges());
  }

  #perform(step: Step): void {
    const device = 'device' in step ? this.devices.get(step.device) : undefined;
    if ('device' in step && device === undefined) return;
    if (device === undefined) return this.#performOnServer(step);
    if (isWork(step)) return this.#work(device, step);
    this.#trouble(device, step);
  }

  #work(device: SimulatedDevice, step: Step): void {
    const { tabs } = device;
    if (tabs.length === 0) return;
    const { client } = this.#dice(`step ${step.n}`).pick(tabs);
    this.#write(client, device, step).then(
      () => undefined,
      (error) => {
        this.#judge.note(`${device.options.name} step ${step.n} refused: ${String(error)}`);
        const isExpected = error instanceof StorageFull || error instanceof StorageLost || ['UnknownMemory'].includes(error.name);
        if (!isExpected) this.#judge.accuse('crashed', `step ${step.n}: ${error instanceof Error ? error.stack : String(error)}`);
      },
    );
  }

  async #write(client: Client, device: SimulatedDevice, step: Step): Promise<void> {
    switch (step.do) {
      case 'create':
        return this.#create(client, device, step.memory === 'new' ? `new ${step.n}` : step.memory, step.n, step.fields);
      case 'import':
        await Promise.all(
          Array.from({ length: step.count }, (_, index) =>
            this.#create(client, device, `import ${step.n} ${index}`, step.n + index / 100, { content: true }),
          ),
        );
        return;
      case 'update': {
        const shown = this.#pick(client, step.memory, step.n);
        if (shown === null) return this.#create(client, device, step.memory, step.n, step.fields);
        const fields = valuesOf(step.n, step.fields, shown.tags);
        await client.update(shown.id, fields);
        return this.#expectKept(device, shown.id, fields);
      }
      case 'delete': {
        const shown = this.#pick(client, step.memory, step.n);
        if (shown !== null) await client.delete(shown.id);
        return;
      }
      case 'restore': {
        const shown = client.get(memoryIdOf(step.memory));
        if (shown !== null) await client.restore(shown.id);
        return;
      }
      case 'resolve': {
        const conflicts = client.conflicts();
        const conflict = conflicts[step.nth % Math.max(1, conflicts.length)];
        if (conflict !== undefined) await client.resolve(conflict.id, step.keep);
        return;
      }
      case 'dismiss': {
        const [rejected] = client.rejected();
        if (rejected !== undefined) await client.dismissRejected(rejected.seq);
        return;
      }
    }
  }

  /** The memory that is meant, or another one where the device knows none of this id. */
  #pick(client: Client, memory: number, n: number): ClientMemory | null {
    const meant = client.get(memoryIdOf(memory));
    if (meant !== null) return meant;
    const known = client.list();
    return known.length === 0 ? null : this.#dice(`step ${n} memory`).pick(known);
  }

  async #create(
    client: Client,
    device: SimulatedDevice,
    memory: number | string,
    n: number,
    written: WrittenFields,
  ): Promise<void> {
    const id = memoryIdOf(memory);
    if (client.get(id) !== null) return;
    const { tags = [], ...fields } = valuesOf(n, { ...written, content: true }, []);
    await client.create({ id, type: 'fact', scope: 'user_global', tags, ...fields, content: fields.content ?? '' });
    this.#expectKept(device, id, fields);
  }

  /** The promise was kept: the values wait on the device, or are in the log. */
  #expectKept(device: SimulatedDevice, memoryId: MemoryId, fields: Partial<MemoryFields>): void {
    const { outbox, rejected } = device.disk.place.disk.content;
    const history = this.#judge.historyOf(device.options.userId);
    for (const register of ['content', 'confidence', 'source'] as const) {
      const value = fields[register];
      if (value === undefined) continue;
      const text = JSON.stringify(value);
      history.kept.push({ memoryId, register, value, device, diskLife: device.diskLife });
      const ops = [...outbox.values(), ...[...rejected.values()].map(({ op }) => op)];
      const waits = ops.some(
        (op) => op.memoryId === memoryId && op.change.writes.some((write) => JSON.stringify(write.value) === text),
      );
      if (!waits && !history.everWritten.has(`${memoryId} ${register} ${text}`))
        this.#judge.accuse('acked then lost', `${device.options.name} said that ${register} ${text} is kept, and it is nowhere`);
    }
  }

  #trouble(device: SimulatedDevice, step: Step): void {
    switch (step.do) {
      case 'network':
        return this.#weather(device, step.forMs, step.weather);
      case 'cut':
        return device.network.cutAll();
      case 'kill':
        return device.kill(step.tab);
      case 'close':
        return device.close(step.tab);
      case 'start':
        return device.start(step.tab);
      case 'nudge':
        for (const { client } of device.tabs) client.syncNow();
        return;
      case 'sleep':
        device.sleep(step.tab, true);
        this.#timeline.after(step.forMs, () => device.sleep(step.tab, false));
        return;
      case 'backup':
        this.#backups.set(step.device, device.disk.place.snapshot());
        return;
      case 'restoreBackup': {
        const backup = this.#backups.get(step.device);
        if (backup === undefined) return;
        device.restoreBackup(backup);
        this.#timeline.after(this.#dice(`step ${step.n}`).between(100, 20_000), () => device.start(0));
        return;
      }
      case 'wipeDevice':
        device.wipe();
        this.#timeline.after(this.#dice(`step ${step.n}`).between(100, 20_000), () => device.start(0));
        return;
      case 'corrupt':
        return this.#corrupt(device, step.n);
      case 'clone':
        return this.#clone(device, step.as, step.n);
      case 'fullDisk':
        device.disk.weather.isFull = true;
        this.#timeline.after(step.forMs, () => {
          device.disk.weather.isFull = false;
        });
        return;
      case 'slowDisk':
        device.disk.weather.maxDelayMs = this.#dice(`step ${step.n}`).between(100, 3_000);
        this.#timeline.after(step.forMs, () => {
          device.disk.weather.maxDelayMs = this.#schedule.setup.diskDelayMs;
        });
        return;
      case 'clock':
        device.clockOffsetMs += step.byMs;
        return;
      case 'revoke': {
        const { userId } = device.options;
        const id = step.which === 'login' ? device.loginDevice : metaOf(device.disk.place)?.device;
        if (id !== undefined) this.#server.revoke(userId, id);
        device.isRevoked = true;
        if (step.which === 'login') device.isLoggedOut = true;
        return;
      }
      case 'login':
        if (!device.isRevoked) return;
        device.isRevoked = false;
        return device.login();
    }
  }

  #weather(device: SimulatedDevice, forMs: number, weather: Partial<typeof calm>): void {
    Object.assign(device.network.weather, weather);
    device.networkChanged();
    this.#timeline.after(forMs, () => {
      for (const key of Object.keys(weather)) Object.assign(device.network.weather, { [key]: calm[key as keyof typeof calm] });
      device.networkChanged();
    });
  }

  /** A row is changed behind the device's back, while nothing runs on it. */
  #corrupt(device: SimulatedDevice, n: number): void {
    const dice = this.#dice(`step ${n}`);
    device.killAll();
    const { rows } = device.disk.place.disk.content;
    const ids = [...rows.keys()];
    if (ids.length > 0) {
      const id = dice.pick(ids);
      const row = rows.get(id);
      if (row !== undefined && row.seq > 1 && dice.chance(0.5)) rows.set(id, { ...row, seq: row.seq - 1, content: 'corrupted' });
      else rows.delete(id);
      device.isCorrupted = true;
    }
    this.#timeline.after(dice.between(100, 10_000), () => device.start(0));
  }

  #clone(device: SimulatedDevice, as: number, n: number): void {
    if (this.devices.has(as) || metaOf(device.disk.place) === null) return;
    const backup = device.disk.place.snapshot();
    const user = this.#schedule.setup.devices.find(({ user }) => userIdOf(user) === device.options.userId)?.user ?? 0;
    const clone = this.#addDevice(as, user, { clockOffsetMs: device.clockOffsetMs, driftMs: device.options.driftMs }, backup);
    clone.isCopied = true;
    device.isCopied = true;
    clone.isCorrupted = device.isCorrupted;
    clone.snapshotUntil = device.snapshotUntil;
    this.#timeline.after(this.#dice(`step ${n}`).between(0, 20_000), () => clone.start(0));
  }

  #performOnServer(step: Step): void {
    const server = this.#server;
    switch (step.do) {
      case 'rest':
        return this.#rest(step);
      case 'serverClock':
        server.clockOffsetMs += step.byMs;
        return;
      case 'crashServer':
        return this.#crash(step.node, step.forMs);
      case 'database':
        Object.assign(server.weather, { failure: step.failure, lostCommit: step.lostCommit, maxDelayMs: step.maxDelayMs });
        this.#timeline.after(step.forMs, () => Object.assign(server.weather, { failure: 0, lostCommit: 0, maxDelayMs: 5 }));
        return;
      case 'refuseProtocol':
        server.weather.refusesProtocol = true;
        for (const device of this.devices.values()) device.network.cutAll();
        this.#timeline.after(step.forMs, () => {
          server.weather.refusesProtocol = false;
        });
        return;
      case 'serverBackup':
        this.#serverBackup = server.backup();
        for (const userId of server.logs.keys()) this.#judge.keep(userId);
        return;
      case 'serverRestore':
        return this.#restoreServer(step.newEpoch);
      case 'serverWipe':
        return this.#wipeServer();
      case 'endSessions':
        return server.endSessions(userIdOf(step.user));
      case 'collect':
        for (const userId of server.logs.keys()) server.collect(userId);
        return;
    }
  }

  #crash(node: number, forMs: number): void {
    const crashed = this.#server.nodes[node % this.#server.nodes.length];
    if (crashed === undefined) return;
    crashed.crash();
    for (const device of this.devices.values()) device.network.nodeCrashed(crashed);
    this.#timeline.after(forMs, () => crashed.start());
  }

  #restoreServer(newEpoch: boolean): void {
    const backup = this.#serverBackup;
    if (backup === null) return;
    for (const [userId, image] of backup.images) this.#judge.wentBack(userId, image, !newEpoch);
    this.#server.restore(backup, newEpoch);
    this.#restarted();
  }

  #wipeServer(): void {
    for (const userId of this.#server.logs.keys()) this.#judge.wentBack(userId, null, false);
    this.#server.wipe();
    this.#restarted();
  }

  #restarted(): void {
    for (const device of this.devices.values()) {
      device.network.forget();
      for (const node of this.#server.nodes) device.network.nodeCrashed(node);
    }
  }

  /** By the server's own replica. */
  #rest(step: Extract<Step, { do: 'rest' }>): void {
    const userId = userIdOf(step.user);
    const log = this.#server.logs.get(userId);
    const node = this.#server.nodes.find(({ isUp }) => isUp);
    if (log === undefined || node === undefined) return;
    const request = this.#restRequest(step, userId);
    if (request === null) return;
    const noteWritten = (event: Pick<TrueEvent, 'memoryId' | 'change'>): void => {
      for (const { register, value } of event.change?.writes ?? [])
        this.#judge.wrote(userId, { memoryId: event.memoryId, register, value }, `rest ${step.n}`);
    };
    const { decide } = request;
    const watched: WriteRequest['decide'] = (state) => {
      const decision = decide(state);
      if ('write' in decision) noteWritten({ memoryId: request.memoryId, change: decision.write });
      return decision;
    };
    node.submit(
      { ...request, decide: watched },
      () => undefined,
      () => undefined,
    );
  }

  #restRequest(step: Extract<Step, { do: 'rest' }>, userId: UserId): WriteRequest | null {
    const log = this.#server.logs.get(userId);
    if (log === undefined) return null;
    const id = memoryIdOf(step.memory);
    const actor = { ordinal: 0, id: log.head.deviceByOrdinal.get(0) ?? idOf('server') };
    const base = { kind: 'write', userId, actor, memoryId: id } as const;
    const fields = valuesOf(step.n, step.fields, []);
    switch (step.what) {
      case 'create': {
        const full = { type: 'fact', scope: 'user_global', confidence: null, source: null, tags: [], ...fields } as const;
        return { ...base, decide: decideCreate(id, { ...full, content: fields.content ?? `c${step.n}` }), expectNew: true };
      }
      case 'update':
        return { ...base, decide: decideUpdate(fields, 'any') };
      case 'delete':
        return { ...base, decide: decideDelete('any') };
      case 'erase':
        return { ...base, decide: decideErase('any') };
      case 'restore': {
        const state = log.image.states.get(id);
        return state === undefined || state.erased ? null : { ...base, decide: decideRestore(fieldsOf(state)) };
      }
      case 'resolve': {
        const [conflict] = openConflicts(log.image);
        if (conflict === undefined) return null;
        const { memoryId, register, loserSeq } = conflict;
        const keep = step.n % 2 === 0 ? 'winner' : 'loser';
        return { ...base, memoryId, decide: decideResolve({ register, loserSeq, keep }) };
      }
    }
  }
}

/** Longer than the slowest disk takes to tell of a commit, ms. */
const quietMs = 7_000;

const workNames = new Set(['create', 'update', 'delete', 'restore', 'resolve', 'import', 'dismiss']);

const isWork = (step: Step): boolean => workNames.has(step.do);

const tagNames = ['red', 'green', 'blue', 'a/b', '~x'];

/** Every value of content, confidence and source is written by one step alone. */
function valuesOf(n: number, written: WrittenFields, tags: readonly string[]): Partial<MemoryFields> {
  const toggled = new Set(tags);
  for (const index of written.tags ?? []) {
    const tag = tagNames[index % tagNames.length] ?? 'red';
    if (!toggled.delete(tag)) toggled.add(tag);
  }
  const source: Source = { url: `https://example.org/${n}`, title: `t${n}` };
  return {
    ...(written.content && { content: `c${n}` }),
    ...(written.confidence && { confidence: Math.round((n + 1) * 100) / 1_000_000 }),
    ...(written.source && { source }),
    ...(written.type !== undefined && { type: written.type }),
    ...(written.scope !== undefined && { scope: written.scope }),
    ...(written.tags !== undefined && { tags: [...toggled].sort() }),
  };
}

/** What a tab shows after its start is what the disk holds: the server's rows with the waiting ops on top. */
function checkRestart(device: SimulatedDevice, client: Client, judge: Judge): void {
  const { rows, outbox } = device.disk.place.disk.content;
  const touched = new Set([...outbox.values()].map((op) => op.memoryId));
  const shown = new Set([...client.list(), ...client.list({ deleted: true })].map(({ id }) => id));
  for (const [id, row] of rows) {
    if (touched.has(id)) continue;
    const memory = client.get(id);
    const isEqual = row.erased
      ? memory === null
      : memory?.content === row.content && memory.seq === row.seq && memory.deleted === row.deleted;
    if (!isEqual || shown.has(id) === row.erased)
      judge.accuse(
        'restart changed state',
        `${device.options.name} holds ${JSON.stringify(row)} and shows ${JSON.stringify(memory)}`,
      );
  }
  for (const op of outbox.values()) {
    const last = [...outbox.values()].filter(({ memoryId }) => memoryId === op.memoryId).at(-1);
    const content = last?.change.writes.find(({ register }) => register === 'content')?.value;
    if (content !== undefined && rows.get(op.memoryId)?.erased !== true && client.get(op.memoryId)?.content !== content)
      judge.accuse('restart changed state', `${device.options.name} does not show the waiting ${String(content)}`);
  }
}

function summaryOf({ meta, rows, removed, added, settled, outbox, rejected }: Parameters<Judge['deviceCommitted']>[1]): string {
  const parts = [
    `v${meta.version} cursor ${meta.cursor} acked ${meta.acked}/${meta.lastCounter}`,
    meta.resync === null ? '' : `resync ${meta.resync.reason} ${meta.resync.shared}`,
    meta.snapshot === null ? '' : `snapshot at ${meta.snapshot.at}`,
    rows === undefined ? '' : `rows ${rows.map((row) => `${row.id.slice(0, 4)}@${row.seq}`).join(' ')}`,
    removed === undefined ? '' : `removed ${removed.map((id) => id.slice(0, 4)).join(' ')}`,
    added === undefined
      ? ''
      : `added ${added.map((op) => `${op.counter}(${op.memoryId.slice(0, 4)} base ${op.base})`).join(' ')}`,
    settled === undefined ? '' : `settled ${settled.join(' ')}`,
    outbox === undefined ? '' : `outbox ${outbox.map((op) => `${op.counter}${op.origin === undefined ? '' : '*'}`).join(' ')}`,
    rejected === undefined ? '' : `rejected ${rejected.map((op) => op.seq).join(' ')}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** An array of 4 with code 5. */
const isSnapshot = (frame: Uint8Array): boolean => frame[0] === 0x94 && frame[1] === 5;

function frameText(frame: Uint8Array, direction: 'up' | 'down'): string {
  try {
    const read = direction === 'up' ? unpackClientFrame(frame) : unpackServerFrame(frame);
    return JSON.stringify(read, (key, value) => (key === 'limits' || key === 'token' ? undefined : value));
  } catch (error) {
    return String(error);
  }
}
