/** What a benchmark is given, and how it starts what it compares. */
import { randomUUID } from 'node:crypto';
import type { Cleanup } from './cleanup.ts';
import type { Contestant, SyncServer, SyncUser } from './contestant.ts';
import { type Device, fill } from './device.ts';
import { createMemories } from './memory-generator.ts';
import type { Engine } from './place.ts';
import type { Figure } from './report.ts';
import { alternate, summarize } from './statistics.ts';
import type { Storage } from './storage.ts';

export interface BenchContext {
  readonly engine: Engine;
  readonly rounds: number;
  /** The size to run at: smaller with `--quick`. */
  readonly sized: (full: number) => number;
  /** Null with `--baseline-only`. */
  readonly ours: Contestant | null;
  readonly relay: Contestant;
  readonly cleanup: Cleanup;
  readonly newStorage: () => Promise<Storage>;
}

export interface Benchmark {
  readonly name: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

/** Both servers, each on a storage of its own; the first is null when only the baseline is measured. */
export interface Servers {
  readonly ours: SyncServer | null;
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

interface Started {
  readonly server: SyncServer;
  end(): Promise<void>;
}

async function startOnNewStorage({ cleanup, newStorage }: BenchContext, contestant: Contestant): Promise<Started> {
  const storage = await newStorage();
  const server = await contestant.start(cleanup, storage.place);
  const end = async (): Promise<void> => {
    await server.stop();
    await storage.drop();
  };
  return { server, end };
}

/** Results of each round. */
export interface Compared<T> {
  readonly ours: readonly T[] | null;
  readonly baseline: readonly T[];
}

/** The same measure of both servers, round after round. */
export async function compare<T>(
  { ours, relay }: Servers,
  rounds: number,
  measure: (server: SyncServer, round: number) => Promise<T>,
): Promise<Compared<T>> {
  const results = await alternate(rounds, {
    ...(ours === null ? {} : { ours: (round: number) => measure(ours, round) }),
    relay: (round) => measure(relay, round),
  });
  return { ours: results['ours'] ?? null, baseline: results['relay'] ?? [] };
}

/** One number of every result, as a figure shows it. */
export function toSummaries<T>({ ours, baseline }: Compared<T>, value: (result: T) => number): Pick<Figure, 'ours' | 'baseline'> {
  return { ours: ours === null ? null : summarize(ours.map(value)), baseline: summarize(baseline.map(value)) };
}

/** A new user with so many memories in the log. */
export async function createFilledUser(
  server: SyncServer,
  memories: number,
  seed: number,
): Promise<{ user: SyncUser; name: string }> {
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
