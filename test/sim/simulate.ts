/** A schedule from its beginning to its verdict. */
import type { Defect } from './judge.ts';
import { isSettled, judgeEnd } from './oracles.ts';
import type { Schedule } from './schedule.ts';
import { watchStatus } from './status-watch.ts';
import { createWorld, type World, type WorldOptions } from './world.ts';

export interface Outcome {
  readonly defects: readonly Defect[];
  readonly trace: readonly string[];
  /** Virtual ms from the calm to the moment in which everybody was done. */
  readonly settledAfterMs: number;
  readonly events: number;
  readonly logEvents: number;
}

/** After the nemeses stopped: the longest waits of a client are ten minutes, and may follow on each other. */
const patienceMs = 3_600_000;
/** Everything is over, and stays so. */
const afterglowMs = 45_000;

export async function simulate(
  schedule: Schedule,
  options: WorldOptions & { readonly prepare?: (world: World) => void } = { keepsTrace: false },
): Promise<Outcome> {
  const world = createWorld(schedule, options);
  options.prepare?.(world);
  const { timeline, judge } = world;
  const { calmAtMs } = schedule.setup;
  try {
    watchStatus(world);
    await timeline.run(calmAtMs + 25_000, () => judge.defects.length > 0);
    const allSettled = (): boolean =>
      judge.defects.length > 0 || [...world.devices.values()].every((device) => isSettled(world, device));
    let settledAfterMs = 0;
    // Rest has to last: what is fetched beside the log comes a little later, and something may begin again.
    for (let isAtRest = false; !isAtRest && timeline.now < calmAtMs + patienceMs; ) {
      await timeline.run(calmAtMs + patienceMs, allSettled);
      settledAfterMs = timeline.now - calmAtMs;
      await timeline.run(timeline.now + afterglowMs, () => judge.defects.length > 0 || !allSettled());
      isAtRest = allSettled();
    }
    if (judge.defects.length === 0) judgeEnd(world);
    return outcomeOf(world, settledAfterMs);
  } catch (error) {
    judge.accuse('crashed', error instanceof Error ? (error.stack ?? error.message) : String(error));
    return outcomeOf(world, 0);
  } finally {
    for (const device of world.devices.values()) device.killAll();
  }
}

function outcomeOf({ judge, timeline }: World, settledAfterMs: number): Outcome {
  const logEvents = [...judge.histories.values()].reduce((sum, { log }) => sum + log.head.seq, 0);
  return { defects: judge.defects, trace: judge.trace ?? [], settledAfterMs, events: timeline.events, logEvents };
}
