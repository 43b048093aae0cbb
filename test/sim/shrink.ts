/** Delta debugging (Zeller and Hildebrandt, 2002): the shortest schedule found that fails in the same way. */
import type { OracleName } from './judge.ts';
import type { Schedule, Setup } from './schedule.ts';
import { type Outcome, simulate } from './simulate.ts';

export interface Shrunk {
  readonly schedule: Schedule;
  readonly outcome: Outcome;
  readonly runs: number;
}

export async function shrink(schedule: Schedule, oracle: OracleName, maxRuns = 1_500): Promise<Shrunk> {
  let best = schedule;
  let runs = 0;
  const fails = async (candidate: Schedule): Promise<boolean> => {
    if (runs >= maxRuns) return false;
    runs++;
    const { defects } = await simulate(candidate);
    return defects[0]?.oracle === oracle;
  };
  const keepIfItFails = async (candidate: Schedule): Promise<boolean> => {
    if (!(await fails(candidate))) return false;
    best = candidate;
    return true;
  };

  for (let isShorter = true; isShorter && runs < maxRuns; ) {
    const before = best.steps.length;
    for (let size = Math.ceil(best.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let start = 0; start < best.steps.length; ) {
        const steps = [...best.steps.slice(0, start), ...best.steps.slice(start + size)];
        if (!(await keepIfItFails({ ...best, steps }))) start += size;
      }
    }
    for (const setup of plainer(best.setup)) await keepIfItFails({ ...best, setup });
    isShorter = best.steps.length < before;
  }
  return { schedule: best, outcome: await simulate(best, { keepsTrace: true }), runs };
}

/** One thing less each. A device that no step names may still be needed. */
function* plainer(setup: Setup): Generator<Setup> {
  yield { ...setup, nodes: 1 };
  yield { ...setup, diskDelayMs: 0 };
  yield { ...setup, maxOps: 1_000, maxInFlight: 64, maxBufferedBytes: 1_048_576 };
  yield { ...setup, snapshotMemories: 500 };
  yield { ...setup, pageEvents: 2_000 };
  yield { ...setup, tokenMs: 900_000 };
  const last = setup.devices.length - 1;
  if (last > 0) yield { ...setup, devices: setup.devices.slice(0, last) };
  yield { ...setup, devices: setup.devices.map((device) => ({ ...device, clockOffsetMs: 0, driftMs: 0 })) };
  yield { ...setup, devices: setup.devices.map((device) => ({ ...device, startsAtMs: 0 })) };
}
