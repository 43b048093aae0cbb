/** How many files and sockets a process may have open, as Linux tells it in /proc. Children begin with the same. */
import { readFile } from 'node:fs/promises';

/** Beside the sockets: files, pipes, the database. */
const others = 200;

/** @throws Error that says what to do when the limit is lower. Node itself raises it to what the user may have. */
export async function requireOpenFiles(sockets: number): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  if (limit === undefined || limit === 'unlimited' || Number(limit) >= sockets + others) return;
  throw new Error(
    `${sockets} sockets need \`ulimit -n ${sockets + others}\` or more in the shell that starts this; it is ${limit}`,
  );
}
