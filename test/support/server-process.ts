/** The server as users run it: a process of its own, from dist. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../dist/src/server/main.js');

export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** As a power cut would: nothing is finished, nothing is said. */
  kill9(): Promise<void>;
}

export async function startServerProcess(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const settings = {
    PORT: '0',
    LOG_LEVEL: 'error',
    RATE_LIMIT: 'off',
    JWT_SECRET: 'a secret that is long enough for a test',
    ...env,
  };
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (text: Buffer): void => {
      output += text.toString();
      const found = /listening on (\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void ended.then(() => reject(new Error(`the server ended: ${output}`)));
  });
  const kill9 = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { url, child, kill9, [Symbol.asyncDispose]: kill9 };
}
