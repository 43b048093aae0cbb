/** The resident set (RSS) of another process, as Linux tells it in /proc. */
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from './statistics.ts';

const sampleEveryMs = 20;
const megabyte = 1_000_000;

/** Over `ms` of doing nothing, in MB. */
export async function idleMegabytes(pid: number, ms: number): Promise<number> {
  const samples: number[] = [];
  for (let waited = 0; waited < ms; waited += sampleEveryMs) {
    samples.push((await readStatus(pid)).resident);
    await sleep(sampleEveryMs);
  }
  return quantile(samples, 0.5) / megabyte;
}

/** The most there was while `work` ran, in MB: the kernel's own peak where it may be reset, and samples. */
export async function peakMegabytes(pid: number, work: () => Promise<void>): Promise<number> {
  const isReset = await resetPeak(pid);
  const stop = new AbortController();
  const sampled = samplePeak(pid, stop.signal);
  await work();
  stop.abort();
  const { peak } = await readStatus(pid);
  return Math.max(await sampled, isReset ? peak : 0) / megabyte;
}

/** At this moment, in MB; null when there is no such process. */
export async function residentMegabytes(pid: number): Promise<number | null> {
  return readStatus(pid).then(
    ({ resident }) => resident / megabyte,
    () => null,
  );
}

async function samplePeak(pid: number, signal: AbortSignal): Promise<number> {
  let most = 0;
  while (!signal.aborted) {
    most = Math.max(most, (await readStatus(pid)).resident);
    await sleep(sampleEveryMs);
  }
  return most;
}

/** 5: VmHWM starts again from what is resident now. */
async function resetPeak(pid: number): Promise<boolean> {
  try {
    await writeFile(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

async function readStatus(pid: number): Promise<{ readonly resident: number; readonly peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string): number => 1_024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return { resident: bytes('VmRSS'), peak: bytes('VmHWM') };
}
