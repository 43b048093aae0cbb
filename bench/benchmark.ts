/** What a benchmark is given, and how it starts what it compares. */
import { randomUUID } from 'node:crypto';
import type { Cleanup } from './cleanup.ts';
import type { Contestant, SyncServer, SyncUser } from './contestant.ts';
import { type Device, fill } from './device.ts';
import { createMemories } from './memory-generator.ts';
import type { Engine } from './place.ts';
import type { Figure, Target } from './report.ts';
import type { OurServer, OurUser } from './server-under-test.ts';
import { alternate, summarize } from './statistics.ts';
import type { Storage } from './storage.ts';

export interface BenchContext {
  readonly engine: Engine;
  readonly rounds: number;
  /** The size to run at: smaller with `--quick`. */
  readonly sized: (full: number) => number;
  /** Null with `--baseline-only`. */
  readonly ours: Contestant<OurUser> | null;
  readonly relay: Contestant;
  /** Flags of Node for the server's process; the processes that it is compared with get them as well. */
  readonly nodeArgs: readonly string[];
  readonly cleanup: Cleanup;
  readonly newStorage: () => Promise<Storage>;
}

export interface Benchmark {
  readonly name: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

/** Both servers, each on a storage of its own; the first is null when only the baseline is measured. */
export interface Servers {
  readonly ours: OurServer | null;
  readonly relay: SyncServer;
}

export async function withServers<T>(context: BenchContext, work: (servers: Servers) => Promise<T>): Promise<T> {
  const relay = await startOnNewStorage(context, context.relay);
  const ours = context.ours === null ? null : await startOnNewStorage(context, context.ours);
  const result = await work({ ours: ours?.server ?? null, relay: relay.server });
  await relay.end();
  await ours?.end();
  return result;
}

interface Started<User extends SyncUser> {
  readonly server: SyncServer<User>;
  end(): Promise<void>;
}

async function startOnNewStorage<User extends SyncUser>(
  { cleanup, newStorage }: BenchContext,
  contestant: Contestant<User>,
): Promise<Started<User>> {
  const storage = await newStorage();
  const server = await contestant.start(cleanup, storage.place);
  const end = async (): Promise<void> => {
    await server.stop();
    await storage.drop();
  };
  return { server, end };
}

export interface Measures<T> {
  /** By bare frames, at either server. */
  readonly frames: (server: SyncServer, round: number) => Promise<T>;
  /** By the real client, at ours. */
  readonly client: (server: OurServer, round: number) => Promise<T>;
}

/** Results of each round; null when only the baseline is measured. */
export interface Compared<T> {
  readonly ours: readonly T[] | null;
  readonly client: readonly T[] | null;
  readonly relay: readonly T[];
}

/** The same measure of all three, round after round. */
export async function compare<T>(
  { ours, relay }: Servers,
  rounds: number,
  { frames, client }: Measures<T>,
): Promise<Compared<T>> {
  const results = await alternate(rounds, {
    ...(ours === null ? {} : { ours: (round: number) => frames(ours, round), client: (round: number) => client(ours, round) }),
    relay: (round) => frames(relay, round),
  });
  return { ours: results['ours'] ?? null, client: results['client'] ?? null, relay: results['relay'] ?? [] };
}

/** What the real client may cost beside bare frames at the same server: merge, rows, store, and what an app is told. */
export const clientTargets = {
  rate: { of: 'ratio', atLeast: 0.8 },
  latency: { of: 'ratio', atMost: 1.25 },
} as const satisfies Record<string, Target>;

export interface ComparedFigure<T> {
  readonly name: string;
  readonly unit: string;
  readonly value: (result: T) => number;
  /** Of our server by bare frames, against the relay. */
  readonly target: Target | null;
  /** Of the client, against bare frames. */
  readonly clientTarget: Target | null;
}

/** One number of every result: bare frames beside the relay, the client beside both. */
export function toFigures<T>({ ours, client, relay }: Compared<T>, figure: ComparedFigure<T>): Figure[] {
  const { name, unit, value, target, clientTarget } = figure;
  const summary = (results: readonly T[] | null) => (results === null ? null : summarize(results.map(value)));
  const [byFrames, byClient, byRelay] = [summary(ours), summary(client), summary(relay)];
  const frames: Figure = { name, unit, ours: byFrames, baselineName: 'relay', baseline: byRelay, target };
  if (byClient === null) return [frames];
  const ofClient = { name: `${name}, client`, unit, ours: byClient };
  return [
    frames,
    { ...ofClient, baselineName: 'frames', baseline: byFrames, target: clientTarget },
    { ...ofClient, baselineName: 'relay', baseline: byRelay, target: null },
  ];
}

/** A new user with so many memories in the log. */
export async function createFilledUser<User extends SyncUser>(
  server: SyncServer<User>,
  memories: number,
  seed: number,
): Promise<{ user: User; name: string }> {
  const name = randomUUID();
  const user = await server.register(name);
  const device = await user.openDevice({ decode: false });
  await device.hello();
  await fill(device, createMemories(memories, seed));
  device.close();
  return { user, name };
}

export async function openReadyDevice(user: SyncUser, ...options: Parameters<SyncUser['openDevice']>): Promise<Device> {
  const device = await user.openDevice(...options);
  await device.hello();
  return device;
}
