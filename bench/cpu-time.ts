/** The processor time of another process, as Linux tells it in /proc. */
import { readFile } from 'node:fs/promises';

/** USER_HZ, the unit of /proc/<pid>/stat: 100 wherever Node runs (proc_pid_stat(5)). */
const ticksPerSecond = 100;

/** User and system time of all its threads, ms. Null where there is no /proc. */
export async function cpuMs(pid: number): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in parentheses, which may hold spaces; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}
