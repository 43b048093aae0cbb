/** `npm run sim`: many seeds on several processes, a summary, and for the first failures the shortest schedule and its trace. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { generate } from './generate.ts';
import type { OracleName } from './judge.ts';
import { shrink } from './shrink.ts';
import { parseSimOptions, type SimOptions } from './sim-options.ts';
import type { SeedReport } from './sim-worker-process.ts';
import { simulate } from './simulate.ts';

/** Failures that are made short and shown; the others are named. */
const shownFailures = 3;
const progressEveryMs = 2_000;

try {
  const options = parseSimOptions(process.argv.slice(2));
  if (options.trace) await showTrace(options);
  else await runAll(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

async function runAll(options: SimOptions): Promise<void> {
  const startedAt = performance.now();
  const reports: SeedReport[] = [];
  const seconds = (): number => (performance.now() - startedAt) / 1_000;
  const progress = setInterval(() => {
    const failed = reports.filter(({ defect }) => defect !== null).length;
    const rate = (reports.length / seconds()).toFixed(1);
    console.log(`${reports.length} of ${options.seeds} seeds, ${rate} a second, ${failed} failed`);
  }, progressEveryMs);
  await runSeeds(options, (report) => {
    reports.push(report);
    if (report.defect !== null) console.log(`seed ${report.seed}: ${report.defect.oracle}: ${report.defect.text.slice(0, 300)}`);
  });
  clearInterval(progress);
  summarize(reports, seconds());
  const failures = reports.filter(({ defect }) => defect !== null).sort((a, b) => a.seed - b.seed);
  for (const failure of failures.slice(0, shownFailures)) await explain(failure, options);
  if (failures.length > 0) process.exitCode = 1;
}

/** Each worker gets the next seed when it is done with one. */
function runSeeds({ seeds, start, jobs }: SimOptions, onReport: (report: SeedReport) => void): Promise<void> {
  let next = start;
  const end = start + seeds;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(join(import.meta.dirname, 'sim-worker-process.js'), process.argv.slice(2));
      const giveNext = (): void => {
        if (next < end) worker.send(next++);
        else worker.disconnect();
      };
      worker.on('message', (report) => {
        onReport(report as SeedReport);
        giveNext();
      });
      worker.on('error', reject);
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      giveNext();
    });
  return Promise.all(Array.from({ length: Math.min(jobs, seeds) }, work)).then(() => undefined);
}

function summarize(reports: readonly SeedReport[], seconds: number): void {
  const sum = (read: (report: SeedReport) => number): number => reports.reduce((total, report) => total + read(report), 0);
  const steps: Record<string, number> = {};
  for (const report of reports)
    for (const [name, count] of Object.entries(report.steps)) steps[name] = (steps[name] ?? 0) + count;
  const failed = reports.filter(({ defect }) => defect !== null);
  console.log(`\n${reports.length} seeds in ${seconds.toFixed(1)} s (${(reports.length / seconds).toFixed(1)} a second)`);
  console.log(`${sum(({ events }) => events)} events of the simulation, ${sum(({ logEvents }) => logEvents)} of the logs`);
  console.log(`longest way to rest after the nemeses: ${Math.max(...reports.map((report) => report.settledAfterMs)) / 1_000} s`);
  for (const [name, count] of Object.entries(steps).sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`  ${name.padEnd(16)}${count}`);
  console.log(failed.length === 0 ? 'no defect' : `${failed.length} seeds failed: ${failed.map(({ seed }) => seed).join(', ')}`);
}

async function explain({ seed, defect }: SeedReport, { minutes, only, without }: SimOptions): Promise<void> {
  if (defect === null) return;
  const schedule = generate(seed, { minutes, without, ...(only !== null && { only }) });
  const shrunk = await shrink(schedule, defect.oracle as OracleName);
  console.log(`\nseed ${seed}, ${defect.oracle}: ${defect.text}`);
  console.log(
    `the shortest schedule found in ${shrunk.runs} runs, ${shrunk.schedule.steps.length} of ${schedule.steps.length} steps:`,
  );
  console.log(JSON.stringify(shrunk.schedule));
  console.log(shrunk.outcome.trace.join('\n'));
}

async function showTrace({ start, minutes, only, without }: SimOptions): Promise<void> {
  const { trace, defects } = await simulate(generate(start, { minutes, without, ...(only !== null && { only }) }), {
    keepsTrace: true,
  });
  console.log(trace.join('\n'));
  if (defects.length > 0) process.exitCode = 1;
}
