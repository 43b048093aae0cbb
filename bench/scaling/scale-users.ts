/** More and more accounts: what it costs to write for any of them, and the server's resident set. */
import { randomUUID } from 'node:crypto';
import { createMemories } from '../memory-generator.ts';
import { createRandom } from '../random.ts';
import { untilRecallIdle } from '../recall-idle.ts';
import { idleMegabytes } from '../resident-bytes.ts';
import { toRestMemory } from '../rest-memory.ts';
import type { OurUser } from '../server-under-test.ts';
import { quantile } from '../statistics.ts';
import type { ScalingContext } from './scaling-context.ts';
import type { UsersPoint } from './scaling-result.ts';

const fullCounts = [1, 10, 100, 1_000, 10_000] as const;
/** Passwords that are hashed at a time. */
const registrations = 4;
/** Requests under way, of users drawn by chance. */
const outstanding = 16;
const creates = 2_000;

const memories = createMemories(creates, 5).map(toRestMemory);

export async function scaleUsers({ ours, cleanup, newStorage, sized, log }: ScalingContext): Promise<readonly UsersPoint[]> {
  const storage = await newStorage();
  const server = await ours.start(cleanup, storage.place);
  const users: OurUser[] = [];
  const points: UsersPoint[] = [];
  for (const count of new Set(fullCounts.map(sized))) {
    const missing = Array.from({ length: count - users.length }).values();
    const work = async (): Promise<void> => {
      for (const _ of missing) users.push(await server.register(randomUUID()));
    };
    await Promise.all(Array.from({ length: registrations }, work));
    // The first time as much as is measured: a process that has done nothing yet is smaller and slower for other reasons.
    await create(users, points.length === 0 ? creates : creates / 10);
    const { ms, latencies } = await create(users, creates);
    await untilRecallIdle(server.url);
    const rssMegabytes = await idleMegabytes(server.pid, 2_000);
    points.push({
      users: count,
      createP50: quantile(latencies, 0.5),
      createP95: quantile(latencies, 0.95),
      createsPerSecond: (creates / ms) * 1_000,
      rssMegabytes,
    });
    log(points.at(-1) ?? {});
  }
  await server.stop();
  await storage.drop();
  return points;
}

async function create(
  users: readonly OurUser[],
  count: number,
): Promise<{ readonly ms: number; readonly latencies: readonly number[] }> {
  const random = createRandom(users.length);
  const latencies: number[] = [];
  const start = performance.now();
  const queue = memories.slice(0, count).values();
  const work = async (): Promise<void> => {
    for (const memory of queue) {
      const sentAt = performance.now();
      await users[random.below(users.length)]?.send('POST', '/memories', memory);
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: outstanding }, work));
  return { ms: performance.now() - start, latencies };
}
