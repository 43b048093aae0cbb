/** What a result was measured on: without it a number says nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** GiB. */
  readonly ram: number;
  readonly os: string;
  readonly node: string;
  /** As PostgreSQL tells it; null where none was used. */
  readonly postgresql: string | null;
  /** Of the server, and of the packages that it stands on. */
  readonly versions: Readonly<Record<string, string>>;
  /** Null outside of a repository; `+` after it: with changes. */
  readonly commit: string | null;
}

const root = join(import.meta.dirname, '../..');
const packages = ['fastify', 'ws', 'pg', '@electric-sql/pglite', 'msgpackr'] as const;

export function describeMachine(postgresql: string | null): Machine {
  const own = readPackage(root);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    ram: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    os: describeSystem(),
    node: process.version,
    postgresql,
    versions: {
      [own.name]: own.version,
      ...Object.fromEntries(packages.map((name) => [name, readPackage(join(root, 'node_modules', name)).version])),
    },
    commit: describeCommit(),
  };
}

function readPackage(folder: string): { readonly name: string; readonly version: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string; version: string };
}

function describeSystem(): string {
  const kernel = `${process.platform} ${release()}`;
  try {
    return `${/^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? ''}, ${kernel}`;
  } catch {
    return kernel;
  }
}

function describeCommit(): string | null {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? '+' : ''}`;
  } catch {
    return null;
  }
}
