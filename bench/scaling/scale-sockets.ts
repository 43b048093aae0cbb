/** More and more idle sockets: the server's resident set, and what a push costs between two devices of a further user meanwhile. */
import { randomUUID } from 'node:crypto';
import { openReadyDevice } from '../benchmark.ts';
import { cpuMs } from '../cpu-time.ts';
import type { Device } from '../device.ts';
import { createMemories } from '../memory-generator.ts';
import { requireOpenFiles } from '../open-files.ts';
import { untilRecallIdle } from '../recall-idle.ts';
import { idleMegabytes } from '../resident-bytes.ts';
import type { OurServer } from '../server-under-test.ts';
import { quantile } from '../statistics.ts';
import type { ScalingContext } from './scaling-context.ts';
import type { SocketsPoint } from './scaling-result.ts';

const fullCounts = [1, 10, 100, 1_000, 5_000] as const;
/** To whom the sockets belong. */
const users = 50;
const opening = 20;
const pushes = 500;

export async function scaleSockets({ ours, cleanup, newStorage, sized, log }: ScalingContext): Promise<readonly SocketsPoint[]> {
  const counts = [...new Set(fullCounts.map(sized))];
  await requireOpenFiles(Math.max(...counts));
  const storage = await newStorage();
  const server = await ours.start(cleanup, storage.place);
  const accounts = await Promise.all(Array.from({ length: users }, () => server.register(randomUUID())));
  // A process that has done nothing yet is smaller and slower for other reasons.
  await push(server, 0);
  const open: Device[] = [];
  const points: SocketsPoint[] = [];
  for (const count of counts) {
    const queue = Array.from({ length: count - open.length }, (_, index) => accounts[index % users]).values();
    const work = async (): Promise<void> => {
      for (const user of queue) if (user !== undefined) open.push(await openReadyDevice(user, { decode: false }));
    };
    await Promise.all(Array.from({ length: opening }, work));
    const pushed = await push(server, count);
    await untilRecallIdle(server.url);
    const point = { sockets: count, rssMegabytes: await idleMegabytes(server.pid, 2_000), ...pushed };
    points.push(point);
    log(point);
  }
  for (const device of open) device.close();
  await server.stop();
  await storage.drop();
  return points;
}

async function push(server: OurServer, seed: number): Promise<Pick<SocketsPoint, 'cpuMsPerPush' | 'pushP50'>> {
  const user = await server.register(randomUUID());
  const [a, b] = [await openReadyDevice(user), await openReadyDevice(user)];
  const before = await cpuMs(server.pid);
  const latencies: number[] = [];
  for (const [index, op] of createMemories(pushes, seed).entries()) {
    const start = performance.now();
    a.send(a.prepare([op]));
    await b.untilSeq(index + 1);
    latencies.push(performance.now() - start);
  }
  const after = await cpuMs(server.pid);
  a.close();
  b.close();
  return {
    cpuMsPerPush: before === null || after === null ? null : (after - before) / pushes,
    pushP50: quantile(latencies, 0.5),
  };
}
