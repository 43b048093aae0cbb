/** Runs seeds that the parent process names, one after the other, and says what came of each. */
import { generate } from './generate.ts';
import { parseSimOptions } from './sim-options.ts';
import { simulate } from './simulate.ts';

/** Of one seed, to the parent. */
export interface SeedReport {
  readonly seed: number;
  readonly defect: { readonly oracle: string; readonly text: string } | null;
  /** Steps of the schedule by name. */
  readonly steps: Readonly<Record<string, number>>;
  readonly events: number;
  readonly logEvents: number;
  readonly settledAfterMs: number;
}

const { minutes, only, without } = parseSimOptions(process.argv.slice(2));

process.on('message', (seed: number) => {
  void run(seed).then((report) => process.send?.(report));
});

async function run(seed: number): Promise<SeedReport> {
  const schedule = generate(seed, { minutes, without, ...(only !== null && { only }) });
  const { defects, events, logEvents, settledAfterMs } = await simulate(schedule);
  const steps: Record<string, number> = {};
  for (const step of schedule.steps) steps[step.do] = (steps[step.do] ?? 0) + 1;
  return { seed, defect: defects[0] ?? null, steps, events, logEvents, settledAfterMs };
}
