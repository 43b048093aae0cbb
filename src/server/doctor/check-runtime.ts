/** What the process itself stands on: Node, its port, its file handles. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { type Check, type Finding, fail, ok, warn } from './finding.ts';

export interface RuntimeOptions {
  /** As in 20.12. */
  readonly nodeFrom: readonly [major: number, minor: number];
  readonly nodeVersion: string;
  readonly port: number;
  readonly host: string;
  /** File handles wanted: one a socket or connection, and some. */
  readonly handles: number;
}

export function checkRuntime(options: RuntimeOptions): Check {
  return {
    name: 'process',
    boundMs: 5_000,
    run: async () => [checkNode(options), await checkPort(options), ...(await checkHandles(options.handles))],
  };
}

function checkNode({ nodeVersion, nodeFrom: [wantedMajor, wantedMinor] }: RuntimeOptions): Finding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return ok('node', `Node ${nodeVersion}`);
  const wanted = `${wantedMajor}.${wantedMinor}`;
  return fail('node', `Node ${nodeVersion} is too old`, `install Node ${wanted} or newer; the current LTS is best`);
}

async function checkPort({ port, host }: RuntimeOptions): Promise<Finding> {
  const code = await listenOnce(port, host);
  if (code === null) return ok('port', `${port} of ${host} is free`);
  if (code === 'EADDRINUSE') {
    const fix = 'if that is the server, all is well; else stop what listens there, or set PORT';
    return warn('port', `${port} of ${host} is in use`, fix);
  }
  if (code === 'EACCES') {
    return fail('port', `this user may not listen on ${port}`, 'set PORT to one above 1023, and let a proxy take the other');
  }
  return fail(
    'port',
    `${host} cannot be listened on (${code})`,
    'set HOST to an address of this machine, or to 0.0.0.0 in a container',
  );
}

/** @returns the code of what was in the way. */
function listenOnce(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** Linux says it in a file; elsewhere it is not looked at. */
async function checkHandles(wanted: number): Promise<readonly Finding[]> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const given = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1];
  if (given === undefined) return [];
  if (given === 'unlimited' || Number(given) >= wanted) return [ok('file handles', `${given} may be open`)];
  const message = `${given} may be open: that is also how many sockets there can be`;
  return [warn('file handles', message, `raise it to ${wanted}: ulimit -n ${wanted}, or LimitNOFILE=${wanted} in the unit`)];
}
