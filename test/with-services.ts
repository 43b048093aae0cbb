/** `node dist/test/with-services.js COMMAND…`: runs it where PostgreSQL and Redis are, in containers if need be; ends as it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chooseServices, hasDockerEngine, startContainers, whatToDo } from './support/services.ts';

process.exitCode = await main(process.argv.slice(2));

async function main([program, ...args]: readonly string[]): Promise<number> {
  if (program === undefined) throw new Error('a command is needed');
  const choice = await chooseServices(process.env, hasDockerEngine);
  if (choice === 'given') return run(program, args, {});
  if (choice === 'none') {
    process.stderr.write(`${whatToDo}\n`);
    return 1;
  }
  await using services = await startContainers();
  return await run(program, args, services.env);
}

async function run(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
