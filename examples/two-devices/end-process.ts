import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const patienceMs = 5_000;

/** Resolves when the process has ended: asked to, and after five seconds made to. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await ended;
  clearTimeout(timer);
}
