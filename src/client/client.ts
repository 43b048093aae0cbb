/**
 * The client for pages, workers and extensions: a replica of the user's memories on this device, which works without a network
 * and keeps itself in step with the server when there is one.
 */
import { type DeviceId, type MemoryId, parseId } from '../core/ids.ts';
import type { Memory, MemoryFields } from '../core/memory.ts';
import type { Write } from '../core/register.ts';
import type { RejectedOp } from '../sync/replica-change.ts';
import { newReplicaMeta, type OutboxOp, type ReplicaChange } from '../sync/replica-change.ts';
import type { ReplicaStep, StepResult } from '../sync/replica-step.ts';
import { adoptRecords } from './adopt.ts';
import { ChangeFeed } from './change-feed.ts';
import type {
  AdoptionProgress,
  AdoptOptions,
  Client,
  ClientEvent,
  ClientMemory,
  Conflict,
  ListOptions,
  MemoryFilter,
  NewMemory,
  SearchAnswer,
} from './client-api.ts';
import { ConflictBook, resolvingWrite } from './conflict-book.ts';
import { Connection, type TokenReason } from './connection.ts';
import type { ConnectionTiming } from './connection-timing.ts';
import { browserEnvironment, type ClientEnvironment } from './environment.ts';
import { openIndexedDbStore } from './indexed-db-store.ts';
import { listMemories, searchMemories } from './local-list.ts';
import { createLocalReplica, type LocalReplica } from './local-replica.ts';
import { changingWrites, creatingChange, InvalidMemory, UnknownMemory } from './memory-writes.ts';
import { createServerApi, type ServerApi } from './server-api.ts';
import { canInflate } from './socket-transport.ts';
import type { Status } from './status.ts';
import type { ClientStore } from './store.ts';
import { createTabs, type Tabs } from './tabs.ts';

export interface ClientOptions {
  /** Of the server: `https://memory.example.org`. */
  readonly url: string;
  /**
   * An access token of the user whose memories these are; null when nobody is logged in. `refused`: the one given last is of
   * no more use, so refresh it first.
   */
  readonly getToken: (reason: TokenReason) => Promise<string | null>;
  /** Distinguishes replicas of one origin, as those of two accounts. Default: `aibrain`. */
  readonly name?: string;
  /** Default: IndexedDB under `name`. */
  readonly store?: ClientStore;
  /** Default: those of the browser that have the same `name`. */
  readonly tabs?: Tabs;
  /** The replica's id when it is new; later the one in the store counts. Default: a new one. */
  readonly device?: DeviceId;
  /** Frames from the server come deflated. Default: where the platform can inflate. */
  readonly compression?: boolean;
  readonly environment?: ClientEnvironment;
  readonly timing?: Partial<ConnectionTiming>;
}

/** Opens the replica on this device and begins to sync. Resolves when what is kept here can be read, with or without network. */
export async function createClient(options: ClientOptions): Promise<Client> {
  const client = new ReplicaClient(options, options.store ?? (await openIndexedDbStore({ name: options.name ?? 'aibrain' })));
  try {
    await client.start();
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

/** What tabs say to each other. */
type TabMessage =
  | { readonly kind: 'change'; readonly change: ReplicaChange }
  /** In place of a change, by a tab that has never heard another one. */
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'conflicts' }
  | { readonly kind: 'status'; readonly status: Status }
  /** A tab that is new, or asks its leader to try at once. */
  | { readonly kind: 'who leads' }
  | { readonly kind: 'sync now' };

class ReplicaClient implements Client {
  readonly #options: ClientOptions;
  readonly #environment: ClientEnvironment;
  readonly #store: ClientStore;
  readonly #tabs: Tabs;
  readonly #api: ServerApi;
  readonly #book: ConflictBook;
  readonly #feed = new ChangeFeed(() => this.#isSettled());
  readonly #stops: (() => void)[] = [];
  #replica: LocalReplica | null = null;
  #connection: Connection | null = null;
  #leaderStatus: Status | null = null;
  #hasLead = false;
  #hasStarted = false;
  /** Another tab was heard: there is, or was, one. */
  #hasPeers = false;
  #isClosed = false;

  constructor(options: ClientOptions, store: ClientStore) {
    this.#options = options;
    this.#store = store;
    this.#environment = options.environment ?? browserEnvironment();
    this.#tabs = options.tabs ?? createTabs({ name: options.name ?? 'aibrain' });
    this.#api = createServerApi(this.#environment, options);
    this.#book = new ConflictBook({
      store,
      api: this.#api,
      environment: this.#environment,
      isLive: () => this.#connection?.status.state === 'live',
      onChanged: (byFetch) => this.#onConflicts(byFetch),
    });
  }

  async start(): Promise<void> {
    const { now, isOnline, onNetworkChange, newId } = this.#environment;
    // What another tab commits while this one is still reading would be missed, and nothing tells of it again.
    const early: TabMessage[] = [];
    const hear = (message: TabMessage): void => {
      this.#hasPeers = true;
      if (this.#hasStarted) this.#hear(message);
      else early.push(message);
    };
    this.#stops.push(this.#tabs.listen((message) => hear(message as TabMessage)));
    this.#replica = await createLocalReplica({
      store: this.#store,
      // MRG-6: stamps by the server's clock, as far as it is known; another device's later write should win, not a fast clock.
      now: () => now() + ((this.#connection && this.status.clockOffsetMs) ?? 0),
      create: () => newReplicaMeta(this.#options.device ?? (newId() as DeviceId)),
      tell: (change) => this.#tellOf(change),
      onTouched: (memories) => this.#changed({ memories }),
    });
    this.#connection = this.#createConnection(this.#replica);
    await this.#book.read();
    for (let message = early.shift(); message !== undefined; message = early.shift())
      if (message.kind === 'change' || message.kind === 'version') await this.#take(message);
    this.#hasStarted = true;
    this.#stops.push(
      onNetworkChange(() => this.#linked.dispatch(isOnline() ? 'online' : 'offline')),
      this.#tabs.lead(
        () => void this.#lead(),
        () => {
          this.#hasLead = false;
          this.#linked.dispatch('follow');
          // Whoever came to lead while this tab slept may believe to be alone.
          this.#post({ kind: 'who leads' });
        },
      ),
    );
    this.#post({ kind: 'who leads' });
  }

  get device(): DeviceId {
    return this.#local.mirror.device;
  }

  get status(): Status {
    const own = this.#linked.status;
    if (own.isLeader || this.#leaderStatus === null) return own;
    const { state } = this.#leaderStatus;
    // What was kept here a moment ago is not yet in what the leader said.
    const isBusy = state === 'live' && own.outbox > 0;
    return { ...this.#leaderStatus, state: isBusy ? 'syncing' : state, isLeader: false, outbox: own.outbox };
  }

  async create(memory: NewMemory): Promise<ClientMemory> {
    const id = parseId<MemoryId>(memory.id ?? this.#environment.newId());
    if (id === null) throw new InvalidMemory('/id', 'must be a UUID');
    await this.#write([{ memoryId: id, change: creatingChange(memory, this.#environment.now()) }]);
    return this.#shown(id);
  }

  async update(id: MemoryId, fields: Partial<MemoryFields>): Promise<ClientMemory> {
    const writes = changingWrites(this.#shown(id), fields);
    if (writes.length > 0) await this.#write([{ memoryId: id, change: { writes } }]);
    return this.#shown(id);
  }

  async delete(id: MemoryId): Promise<void> {
    if (!this.#shown(id).deleted) await this.#writeRegister(id, { register: 'deleted', value: true });
  }

  async restore(id: MemoryId): Promise<ClientMemory> {
    if (this.#shown(id).deleted) await this.#writeRegister(id, { register: 'deleted', value: false });
    return this.#shown(id);
  }

  get(id: MemoryId): ClientMemory | null {
    const memory = this.#local.mirror.view(id);
    return memory === null || memory.erased ? null : this.#toShown(memory);
  }

  list(options: ListOptions = {}): readonly ClientMemory[] {
    return listMemories(this.#local.mirror.views(), options).map((memory) => this.#toShown(memory));
  }

  count(): number {
    let count = 0;
    for (const { deleted } of this.#local.mirror.views()) if (!deleted) count++;
    return count;
  }

  async search(
    query: string,
    {
      limit = 10,
      where = 'auto',
      ...filter
    }: MemoryFilter & { readonly limit?: number; readonly where?: 'auto' | 'device' } = {},
  ): Promise<SearchAnswer> {
    if (where === 'auto' && this.status.online && filter.deleted !== true) {
      const found = await this.#api.search(query, { limit, ...filter });
      // What was deleted here since, or waits to be, is shown as it stands here.
      const results = found?.flatMap(({ id, memory, score }) => {
        const shown = this.get(id) ?? memory;
        return shown === null || shown.deleted ? [] : [{ memory: shown, score }];
      });
      if (results !== undefined) return { results, from: 'server' };
    }
    const found = searchMemories(listMemories(this.#local.mirror.views(), filter), query, limit);
    return { results: found.map(({ memory, score }) => ({ memory: this.#toShown(memory), score })), from: 'device' };
  }

  conflicts(): readonly Conflict[] {
    return this.#book.open(this.#local.mirror);
  }

  async resolve(id: Conflict['id'], keep: 'winner' | 'loser'): Promise<void> {
    const conflict = this.conflicts().find((open) => open.id === id);
    if (conflict === undefined) throw new UnknownMemory(`no open conflict ${id} is known here`);
    await this.#writeRegister(conflict.memoryId, resolvingWrite(conflict, keep));
    this.#changed({ conflicts: true });
  }

  rejected(): readonly RejectedOp[] {
    return this.#local.mirror.rejected;
  }

  async dismissRejected(seq: number): Promise<void> {
    await this.#local.perform({ kind: 'dismiss', seqs: [seq] });
    this.#changed({ status: true });
  }

  subscribe(listener: (event: ClientEvent) => void): () => void {
    return this.#feed.subscribe(listener);
  }

  settled(): Promise<void> {
    return this.#isClosed ? Promise.reject(closedError()) : this.#feed.settled();
  }

  syncNow(): void {
    if (this.#linked.status.isLeader) this.#linked.dispatch('nudge');
    else this.#post({ kind: 'sync now' });
  }

  adopt(options: AdoptOptions = {}): Promise<AdoptionProgress> {
    const { now } = this.#environment;
    return adoptRecords({ replica: this.#local, now, onWritten: () => this.#flush() }, options);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection?.dispatch('close');
    for (const stop of this.#stops) stop();
    this.#book.close();
    this.#tabs.close();
    this.#feed.close(closedError());
    await this.#store.close();
  }

  async destroy(): Promise<void> {
    this.#connection?.dispatch('close');
    try {
      await this.#store.destroy();
    } finally {
      await this.close();
    }
  }

  get #local(): LocalReplica {
    return this.#replica ?? notStarted();
  }

  get #linked(): Connection {
    return this.#connection ?? notStarted();
  }

  #createConnection(replica: LocalReplica): Connection {
    const { url, getToken, compression, timing } = this.#options;
    const deps = {
      environment: this.#environment,
      replica,
      getToken,
      findOps: (ops: readonly OutboxOp[]) => this.#api.findOps(ops),
      onStatus: () => this.#onStatus(),
      onStep: (step: ReplicaStep, result: StepResult) => this.#book.noteStep(step, result),
    };
    return new Connection(deps, { url, deflate: compression ?? canInflate(), ...(timing !== undefined && { timing }) });
  }

  /** What was committed while another tab led may have been missed. */
  async #lead(): Promise<void> {
    this.#hasLead = true;
    this.#leaderStatus = null;
    try {
      await this.#local.reload();
      await this.#book.read();
    } catch {
      // A store that cannot be read fails the first step as well, and is told of there.
    }
    // The lead may be lost while everything is being read.
    if (this.#hasLead) this.#linked.dispatch('lead');
  }

  #hear(message: TabMessage): void {
    switch (message.kind) {
      case 'change':
        return void this.#take(message);
      case 'version':
        this.#post({ kind: 'who leads' });
        return void this.#take(message);
      case 'conflicts':
        return void this.#book.read();
      case 'status':
        this.#leaderStatus = message.status;
        return this.#changed({ status: true });
      case 'who leads':
        return this.#tellStatus();
      case 'sync now':
        return this.#linked.dispatch('nudge');
    }
  }

  /** What another tab wrote goes out from here, where this one leads. */
  async #take(message: Extract<TabMessage, { kind: 'change' | 'version' }>): Promise<void> {
    try {
      if (message.kind === 'change') await this.#local.receive(message.change);
      else await this.#local.catchUp(message.version);
    } catch {
      // A store that cannot be read fails the next step as well, and is told of there.
      return;
    }
    if (message.kind === 'version' || message.change.added !== undefined) this.#flush();
  }

  async #write(
    drafts: readonly {
      readonly memoryId: MemoryId;
      readonly change: { readonly writes: readonly Write[]; readonly createdAt?: number };
    }[],
  ): Promise<void> {
    await this.#perform({ kind: 'write', drafts });
  }

  #writeRegister(memoryId: MemoryId, write: Write): Promise<void> {
    return this.#write([{ memoryId, change: { writes: [write] } }]);
  }

  async #perform(step: ReplicaStep): Promise<void> {
    await this.#local.perform(step);
    this.#flush();
  }

  /** Nothing waits for a timer: an op goes out in the turn in which it was kept. */
  #flush(): void {
    this.#linked.flush();
  }

  #shown(id: MemoryId): ClientMemory {
    const memory = this.get(id);
    if (memory === null) throw new UnknownMemory(`no memory ${id} is known here`);
    return memory;
  }

  #toShown(memory: Memory): ClientMemory {
    return { ...memory, isPending: this.#local.mirror.isPending(memory.id) };
  }

  #onStatus(): void {
    this.#changed({ status: true });
    if (this.#linked.status.isLeader) this.#tellStatus();
    if (this.#linked.status.state === 'live') void this.#book.refresh();
  }

  #tellStatus(): void {
    if (!this.#hasPeers) return;
    const { status } = this.#linked;
    if (status.isLeader) this.#post({ kind: 'status', status });
  }

  #onConflicts(byFetch: boolean): void {
    if (byFetch) this.#post({ kind: 'conflicts' });
    this.#changed({ conflicts: true });
  }

  /**
   * A channel copies what it is given, also where nobody listens, and rows by the thousand cost as much as everything else that
   * is done with them. So a tab that has heard no other one only says how far it is: one that is there after all reads the
   * store, and is heard from then on.
   */
  #tellOf(change: ReplicaChange): void {
    this.#post(this.#hasPeers ? { kind: 'change', change } : { kind: 'version', version: change.meta.version });
  }

  #post(message: TabMessage): void {
    if (!this.#isClosed) this.#tabs.post(message);
  }

  #changed(event: Partial<ClientEvent>): void {
    this.#feed.changed(event);
  }

  #isSettled(): boolean {
    const { state, outbox } = this.status;
    return state === 'live' && outbox === 0;
  }
}

const closedError = (): Error => new Error('the client was closed');

function notStarted(): never {
  throw new Error('the client was not started');
}
