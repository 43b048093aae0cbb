/** Kills one after the other of what the soak runs on, with SIGKILL, and starts it again; in an order that the seed decides. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { SoakNode } from './node.ts';
import type { Observations } from './observations.ts';
import type { Service } from './service.ts';

export interface Fault {
  readonly what: string;
  /** Since the load began. */
  readonly atSeconds: number;
  readonly downMs: number;
  /** From the start of what was killed until every server said that it is ready. */
  readonly readyMs: number;
}

export interface FaultDeps {
  readonly nodes: readonly SoakNode[];
  readonly services: readonly Service[];
  readonly observations: Pick<Observations, 'disturb' | 'violated'>;
  readonly random: Random;
  readonly log: (text: string) => void;
}

const downMs = { least: 300, more: 2_500 } as const;
const readyLimitMs = 90_000;
const askEveryMs = 200;

/** Until the signal says to stop; a fault under way is brought to its end. */
export async function runFaults(deps: FaultDeps, everySeconds: number, signal: AbortSignal): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  const startedAt = performance.now();
  const next = createOrder(deps);
  for (;;) {
    // Between 0.8 and 1.2 of it, so that nothing of a period of ours falls on it each time.
    const isOver = await sleep(everySeconds * 1_000 * (0.8 + 0.4 * deps.random.next()), false, { signal }).catch(() => true);
    if (isOver) return faults;
    faults.push(await strike(deps, next(), startedAt));
  }
}

type Victim = Pick<Service, 'name' | 'start' | 'kill9'>;

/**
 * A server, PostgreSQL and Redis by turns, shuffled each time. The first server is killed once, at the beginning: how its resident set
 * goes on from there over hours can only be seen at a process that lives.
 */
function createOrder({ nodes, services, random }: Pick<FaultDeps, 'nodes' | 'services' | 'random'>): () => Victim {
  const later = nodes.slice(1);
  let round: Victim[] = [...nodes.slice(0, 1)];
  return () => {
    if (round.length === 0) {
      const server = later[random.below(later.length)];
      round = shuffle([...(server === undefined ? [] : [server]), ...services], random);
    }
    const victim = round.pop();
    if (victim === undefined) throw new Error('there is nothing to kill');
    return victim;
  };
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

async function strike(deps: FaultDeps, victim: Victim, startedAt: number): Promise<Fault> {
  const calm = deps.observations.disturb();
  const atSeconds = (performance.now() - startedAt) / 1_000;
  const down = downMs.least + deps.random.below(downMs.more);
  await victim.kill9();
  deps.log(`killed ${victim.name}`);
  await sleep(down);
  const start = performance.now();
  await victim.start();
  await untilReady(deps, victim.name);
  const readyMs = performance.now() - start;
  calm();
  deps.log(`${victim.name} is back, all are ready after ${Math.round(readyMs)} ms`);
  return { what: victim.name, atSeconds: Math.round(atSeconds), downMs: down, readyMs: Math.round(readyMs) };
}

async function untilReady({ nodes, observations }: FaultDeps, victim: string): Promise<void> {
  const until = performance.now() + readyLimitMs;
  while (!(await Promise.all(nodes.map((node) => node.isReady()))).every((isReady) => isReady)) {
    if (performance.now() > until)
      return observations.violated(`the servers were not ready ${readyLimitMs} ms after ${victim} came back`);
    await sleep(askEveryMs);
  }
}
