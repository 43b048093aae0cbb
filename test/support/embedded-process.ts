/** Runs embedded-child.ts in a process of its own, compiled first: Node 20 does not read TypeScript. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface ChildProgram extends Disposable {
  readonly path: string;
}

/** Into a folder below the package root, where the imports of packages resolve. */
export function compileEmbeddedChild(): ChildProgram {
  mkdirSync(join(root, 'dist'), { recursive: true });
  const outDir = mkdtempSync(join(root, 'dist', 'test-child-'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const language = ['--noCheck', '--target', 'es2023', '--module', 'nodenext', '--rewriteRelativeImportExtensions'];
  const places = ['--ignoreConfig', '--rootDir', '.', '--outDir', outDir, 'test/support/embedded-child.ts'];
  execFileSync(process.execPath, [tsc, ...language, ...places], { cwd: root });
  return {
    path: join(outDir, 'test/support/embedded-child.js'),
    [Symbol.dispose]: () => rmSync(outDir, { recursive: true }),
  };
}

export interface EmbeddedProcess {
  /** Resolves when the text was written by the child; rejects, with all it wrote, when it ended without. */
  said(text: string): Promise<void>;
  /** kill -9; resolves with all lines the child ever wrote. */
  kill(): Promise<readonly string[]>;
}

/** `tracer` is put in front of the command, as in `['strace', '-f']`. */
export function startEmbeddedProcess(
  program: ChildProgram,
  args: readonly string[],
  tracer: readonly string[] = [],
): EmbeddedProcess {
  const [command = '', ...rest] = [...tracer, process.execPath, program.path, ...args];
  const child = spawn(command, rest, { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => output.includes(text) && resolve();
        child.stderr.on('data', look);
        look();
        void ended.then(() => reject(new Error(`the process ended: ${output}`)));
      }),
    async kill() {
      killGroup(child);
      await ended;
      return output.split('\n');
    },
  };
}

// The whole group: under a tracer the database is the child's child.
function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
}
