/** One user's log grows: what an append, a small delta, the disk and the server's process cost at each size. */
import { createLongLog, type LongLog, skipRecall } from '../long-log.ts';
import { untilRecallIdle } from '../recall-idle.ts';
import { idleMegabytes } from '../resident-bytes.ts';
import { quantile } from '../statistics.ts';
import { diskMegabytes } from './disk-bytes.ts';
import type { ScalingContext } from './scaling-context.ts';
import type { EventsPoint } from './scaling-result.ts';

const fullSizes = [1_000, 10_000, 100_000, 1_000_000] as const;
const samples = 200;
const warmUp = 50;
const deltaEvents = 10;

export async function scaleEvents({ ours, cleanup, newStorage, sized, log }: ScalingContext): Promise<readonly EventsPoint[]> {
  const storage = await newStorage();
  const { place } = storage;
  let server = await ours.start(cleanup, place);
  const longLog = await createLongLog(server, 1);
  const points: EventsPoint[] = [];
  for (const size of fullSizes.map(sized)) {
    await longLog.growTo(size);
    // A new process each time: what it keeps of the filling is not what this size costs.
    await server.stop();
    await skipRecall(place);
    const disk = await diskMegabytes(place);
    server = await ours.start(cleanup, place);
    await longLog.goOnAt(server);
    await untilRecallIdle(server.url);
    await measure(longLog, warmUp);
    const { appends, deltas } = await measure(longLog, samples);
    const point = {
      events: size,
      appendP50: quantile(appends, 0.5),
      appendP95: quantile(appends, 0.95),
      deltaP50: quantile(deltas, 0.5),
      diskMegabytes: disk,
      rssMegabytes: await idleMegabytes(server.pid, 1_000),
    };
    points.push(point);
    log(point);
  }
  longLog.close();
  await server.stop();
  await storage.drop();
  return points;
}

async function measure(
  log: LongLog,
  count: number,
): Promise<{ readonly appends: readonly number[]; readonly deltas: readonly number[] }> {
  const [appends, deltas]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i++) {
    appends.push(await log.append(i % 2 === 0 ? 'create' : 'edit'));
    deltas.push(await log.pullLast(deltaEvents));
  }
  return { appends, deltas };
}
