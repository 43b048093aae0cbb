/**
 * Many users with two devices each that write for a while: how long until the other device has it, and what it costs the server.
 * Once at a steady pace, and once as fast as each device's last write arrives.
 */
import { randomUUID } from 'node:crypto';
import { type Benchmark, type Compared, clientTargets, toFigures, withServers } from '../benchmark.ts';
import { type FleetMeasure, type FleetOrder, type FleetUser, playFleet } from '../fleet.ts';
import type { Figure, Target } from '../report.ts';
import { call, type OurServer } from '../server-under-test.ts';
import { alternate, quantile } from '../statistics.ts';

const fullUsers = 200;
const fullSteadyMs = 20_000;
const fullFastMs = 10_000;
/** Of each device: 1,000 a second of 200 users together, at which a server on one of two cores is busy and not drowned. */
const steadyOpsPerSecond = 2.5;
const p99Target: Target = { of: 'ratio', atMost: 5 };
/** Passwords that are hashed at a time. */
const registrations = 4;

export const fleet: Benchmark = {
  name: 'fleet',
  run: (context) =>
    withServers(context, async ({ ours, relay }) => {
      const count = context.sized(fullUsers);
      const users = ours === null ? createUsers(count) : await registerUsers(ours, count);
      // Another one each time: the same seed makes the same ids, and a memory that is written again is no new one.
      let seed = 0;
      const play = async (pace: Pace): Promise<Compared<FleetMeasure>> => {
        const playBy = (by: FleetOrder['by'], { pid, url }: { readonly pid: number; readonly url: string }) => {
          return () => playFleet(context.cleanup, pid, { by, url, users, seed: seed++, ...pace });
        };
        const measures = await alternate(context.rounds, {
          ...(ours === null ? {} : { frames: playBy('frames', ours), client: playBy('client', ours) }),
          relay: playBy('relay', relay),
        });
        return { ours: measures['frames'] ?? null, client: measures['client'] ?? null, relay: measures['relay'] ?? [] };
      };
      const steady = await play({ opsPerSecond: steadyOpsPerSecond, ms: context.sized(fullSteadyMs) });
      const fast = await play({ opsPerSecond: null, ms: context.sized(fullFastMs) });
      if (ours !== null) await requireEveryWrite(ours, users, [steady, fast]);
      return [...describe(`fleet ${count} × 2`, steady, p99Target), ...describe(`fleet ${count} × 2, closed`, fast, null)];
    }),
};

/**
 * No write is lost and none is there twice: as many events as writes, in chains that verify. Each write was of a memory of its own,
 * and the user's other device has had it, or playing would have failed.
 */
async function requireEveryWrite(
  { url }: OurServer,
  users: readonly FleetUser[],
  played: readonly Compared<FleetMeasure>[],
): Promise<void> {
  const measures = played.flatMap(({ ours, client }) => [...(ours ?? []), ...(client ?? [])]);
  const writes = measures.reduce((sum, { latencies }) => sum + latencies.length, 0);
  let events = 0;
  for (const { token } of users) {
    const headers = { authorization: `Bearer ${token}` };
    const verdict = await call<{ verified: boolean; events: number }>(`${url}/api/v1/audit/verify`, { headers });
    if (!verdict.verified) throw new Error('a chain does not verify');
    events += verdict.events;
  }
  if (events !== writes) throw new Error(`${writes} writes, ${events} events`);
}

type Pace = Pick<FleetOrder, 'opsPerSecond' | 'ms'>;

function createUsers(count: number): FleetUser[] {
  return Array.from({ length: count }, () => ({ name: randomUUID(), token: '' }));
}

async function registerUsers(server: OurServer, count: number): Promise<readonly FleetUser[]> {
  const users = createUsers(count);
  const queue = users.entries();
  const registered: FleetUser[] = [];
  const work = async (): Promise<void> => {
    for (const [index, { name }] of queue) registered[index] = { name, token: (await server.register(name)).token };
  };
  await Promise.all(Array.from({ length: registrations }, work));
  return registered;
}

function describe(name: string, measures: Compared<FleetMeasure>, p99: Target | null): Figure[] {
  const latency = (q: number) => ({
    name: `${name}, p${100 * q}`,
    unit: 'ms',
    value: ({ latencies }: FleetMeasure) => quantile(latencies, q),
    target: null,
  });
  const { rate, latency: clientLatency } = clientTargets;
  return [
    ...toFigures(measures, {
      name,
      unit: '/s',
      value: ({ latencies, ms }) => (latencies.length / ms) * 1_000,
      target: null,
      clientTarget: rate,
    }),
    ...toFigures(measures, { ...latency(0.5), clientTarget: clientLatency }),
    ...toFigures(measures, { ...latency(0.99), target: p99, clientTarget: null }),
    ...describeCpu(name, measures),
  ];
}

function describeCpu(name: string, measures: Compared<FleetMeasure>): Figure[] {
  if (measures.relay.some(({ serverCpuMs }) => serverCpuMs === null)) return [];
  return toFigures(measures, {
    name: `${name}, CPU per 1,000`,
    unit: 'ms',
    value: ({ serverCpuMs, latencies }) => ((serverCpuMs ?? 0) / latencies.length) * 1_000,
    target: null,
    clientTarget: null,
  });
}
