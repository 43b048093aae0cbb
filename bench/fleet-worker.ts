/**
 * Plays the devices of some users in a process of its own, told what to do by its parent (fleet.ts): opens them, says that they
 * are ready, writes when it is told to go on, and tells how long each write took to reach the user's other device.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceId, MemoryId, UserId } from '../src/core/ids.ts';
import type { PushedOp } from '../src/protocol/frames.ts';
import { openClientDevice, toNewMemory } from './client-device.ts';
import type { FleetMessage, FleetOrder, FleetResult, FleetUser } from './fleet.ts';
import { openFrameDevice } from './frame-device.ts';
import { createMemories } from './memory-generator.ts';
import { createRandom } from './random.ts';
import { openRelayDevice } from './relay-device.ts';

/** After the last write, for those that are still on their way. */
const drainMs = 30_000;

interface FleetDevice {
  write(op: PushedOp): Promise<void>;
  close(): Promise<void>;
}

interface Writer {
  readonly device: FleetDevice;
  /** `performance.now()` of the writes that the other device has not yet. */
  readonly startedAt: Map<MemoryId, number>;
  /** Called when one of them has arrived. */
  onArrived: () => void;
}

process.once('message', (order: FleetOrder) => void play(order));

/** Resolves when the parent says to go on: a process that ends at once may take what it said with it. */
function ask(message: FleetMessage): Promise<unknown> {
  const answered = new Promise((resolve) => process.once('message', resolve));
  process.send?.(message);
  return answered;
}

async function play(order: FleetOrder): Promise<void> {
  try {
    const latencies: number[] = [];
    const writers = (await Promise.all(order.users.map((user) => openPair(order, user, latencies)))).flat();
    await ask({ kind: 'ready' });
    const result = await (order.opsPerSecond === null ? writeInTurn : writeSteadily)(writers, order, latencies);
    await ask({ kind: 'result', result });
    await Promise.all(writers.map(({ device }) => device.close()));
  } catch (error) {
    await ask({ kind: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  process.disconnect();
}

/** Two devices of one user, each of which tells what of the other one's writes has arrived. */
async function openPair(order: FleetOrder, user: FleetUser, latencies: number[]): Promise<readonly Writer[]> {
  const pending = [new Map<MemoryId, number>(), new Map<MemoryId, number>()] as const;
  const writers: Writer[] = [];
  const open = async (own: 0 | 1): Promise<void> => {
    const other: 0 | 1 = own === 0 ? 1 : 0;
    const onMemory = (id: MemoryId): void => {
      const startedAt = pending[other].get(id);
      if (startedAt === undefined) return;
      latencies.push(performance.now() - startedAt);
      pending[other].delete(id);
      writers[other]?.onArrived();
    };
    const device = await openDevice(order, user, { waiting: pending[other], onMemory });
    writers[own] = { device, startedAt: pending[own], onArrived: () => undefined };
  };
  await Promise.all([open(0), open(1)]);
  return writers;
}

interface Told {
  /** What the user's other device wrote and is not here yet. */
  readonly waiting: ReadonlyMap<MemoryId, number>;
  readonly onMemory: (id: MemoryId) => void;
}

async function openDevice({ by, url }: FleetOrder, user: FleetUser, { waiting, onMemory }: Told): Promise<FleetDevice> {
  if (by === 'client') {
    const { client } = await openClientDevice({ url, token: user.token }, {});
    // Once on every connection it asks for the open conflicts: not what is measured.
    await new Promise<void>((resolve) => client.subscribe(({ conflicts }) => conflicts && resolve()));
    await client.settled();
    client.subscribe(({ memories }) => {
      for (const id of memories ?? [...waiting.keys()]) if (client.get(id) !== null) onMemory(id);
    });
    return { write: async (op) => void (await client.create(toNewMemory(op))), close: () => client.close() };
  }
  const device =
    by === 'relay'
      ? await openRelayDevice(url, user.name as UserId, { onMemory })
      : await openFrameDevice({ url, token: user.token, device: randomUUID() as string as DeviceId }, { onMemory });
  await device.hello();
  return { write: async (op) => device.send(device.prepare([op])), close: async () => device.close() };
}

function write({ device, startedAt }: Writer, op: PushedOp): Promise<void> {
  startedAt.set(op.memoryId, performance.now());
  return device.write(op);
}

/** An open loop: every device writes at its times, whether or not what it wrote before has arrived. */
async function writeSteadily(writers: readonly Writer[], order: FleetOrder, latencies: number[]): Promise<FleetResult> {
  const random = createRandom(order.seed);
  const periodMs = 1_000 / (order.opsPerSecond ?? 1);
  const phases = writers.map(() => random.next() * periodMs).sort((a, b) => a - b);
  const count = Math.floor(order.ms / periodMs) * writers.length;
  const ops = createMemories(count, order.seed);
  const start = performance.now();
  const written: Promise<void>[] = [];
  for (const [index, op] of ops.entries()) {
    const at = index % writers.length;
    const due = start + (phases[at] ?? 0) + Math.floor(index / writers.length) * periodMs;
    if (due > performance.now()) await sleep(due - performance.now());
    const writer = writers[at];
    if (writer !== undefined) written.push(write(writer, op));
  }
  await Promise.all(written);
  await untilArrived(writers);
  return { ms: performance.now() - start, latencies };
}

/** A closed loop: every device writes again when its last write has arrived. */
async function writeInTurn(writers: readonly Writer[], order: FleetOrder, latencies: number[]): Promise<FleetResult> {
  // Enough for anybody: what is written more often than that repeats nothing but its text.
  const ops = createMemories(order.ms * 10, order.seed).values();
  const start = performance.now();
  const isOver = (): boolean => performance.now() - start >= order.ms;
  const loops = writers.map(async (writer) => {
    for (let op = ops.next(); op.done !== true && !isOver(); op = ops.next()) {
      const arrived = new Promise<void>((resolve) => {
        writer.onArrived = resolve;
      });
      await write(writer, op.value);
      await arrived;
    }
  });
  await Promise.race([Promise.all(loops), failAfter(order.ms + drainMs)]);
  return { ms: performance.now() - start, latencies };
}

async function untilArrived(writers: readonly Writer[]): Promise<void> {
  const missing = (): number => writers.reduce((sum, { startedAt }) => sum + startedAt.size, 0);
  const until = performance.now() + drainMs;
  while (missing() > 0) {
    if (performance.now() > until) throw new Error(`${missing()} writes did not arrive`);
    await sleep(1);
  }
}

async function failAfter(ms: number): Promise<never> {
  await sleep(ms, undefined, { ref: false });
  throw new Error('writes did not arrive');
}
