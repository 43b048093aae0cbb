/** A fence that nobody ran against is a drawing of one: each is given what it has to stop, in a copy of the tree. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const copied = [
  'src/core',
  'src/protocol',
  'src/sync',
  'lint',
  'biome.jsonc',
  '.dependency-cruiser.cjs',
  'package.json',
  'tsconfig.base.json',
];

const files: Readonly<Record<string, string>> = {
  'src/server/infra/engine.ts': 'export const engine = 1;\n',
  'conformance/asks-our-merge.ts': "export { merge } from '../src/core/merge.ts';\n",
  'conformance/knows-server.ts': "export { engine } from '../src/server/infra/engine.ts';\n",
  'src/server/command/write.ts': 'export const write = 1;\n',
  'src/server/read/reads-and-writes.ts': "export { write } from '../command/write.ts';\n",
  'src/core/knows-server.ts': "import { engine } from '../server/infra/engine.ts';\nexport const a = engine;\n",
  'src/core/knows-server-type.ts':
    "export type B = typeof import('../server/infra/engine.ts').engine;\nexport type { engine } from '../server/infra/engine.ts';\n",
  'src/server/log/uses-command.ts':
    "export async function f(g: () => Promise<AsyncDisposable>) {\n  await using x = await g();\n  await using y = (await import('../command/write.ts')).write;\n  return [x, y];\n}\n",
  'src/core/cycle-one.ts': "import type { Two } from './cycle-two.ts';\nexport interface One { readonly two: Two }\n",
  'src/core/cycle-two.ts': "import type { One } from './cycle-one.ts';\nexport interface Two { readonly one: One }\n",
  ...Object.fromEntries(
    ['core', 'protocol', 'sync'].flatMap((ring) => [
      [`src/${ring}/reads-file.ts`, "import { readFileSync } from 'node:fs';\nexport const text = readFileSync('x');\n"],
      [`src/${ring}/has-timer.ts`, 'setTimeout(() => undefined, 1);\nexport {};\n'],
      [`src/${ring}/has-page.ts`, 'export const page = document;\n'],
      [`src/${ring}/reads-clock.ts`, 'export const now = [Date.now(), new Date()];\nexport const then = new Date(0);\n'],
      [`src/${ring}/rolls-dice.ts`, 'export const dice = Math.random();\n'],
    ]),
  ),
};

describe('[house] fences', () => {
  let tree = '';

  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), 'aibrain-fences-'));
    await Promise.all(copied.map((path) => cp(join(root, path), join(tree, path), { recursive: true })));
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), text);
    }
  });

  afterAll(() => rm(tree, { recursive: true, force: true }));

  it('[house] the compiler keeps Node and the DOM out of the pure rings', async () => {
    const errors = await outputOf('tsc', ['-b', 'src/sync', '--pretty', 'false']);
    for (const ring of ['core', 'protocol', 'sync']) {
      expect(errors).toMatch(new RegExp(`^src/${ring}/reads-file[.]ts.*'node:fs'`, 'm'));
      expect(errors).toMatch(new RegExp(`^src/${ring}/has-timer[.]ts.*'setTimeout'`, 'm'));
      expect(errors).toMatch(new RegExp(`^src/${ring}/has-page[.]ts.*'document'`, 'm'));
    }
  });

  it('[house] dependency-cruiser keeps the folders apart', async () => {
    const errors = await outputOf('depcruise', ['src', 'conformance', '--output-type', 'err']);
    expect(errors).toContain('core-is-pure: src/core/knows-server.ts → src/server/infra/engine.ts');
    expect(errors).toContain('core-is-pure: src/core/knows-server-type.ts → src/server/infra/engine.ts');
    expect(errors).toContain('core-is-pure: src/core/reads-file.ts → fs');
    expect(errors).toContain('server-read: src/server/read/reads-and-writes.ts → src/server/command/write.ts');
    expect(errors).toContain('conformance-speaks-from-outside: conformance/asks-our-merge.ts → src/core/merge.ts');
    expect(errors).toContain('conformance-speaks-from-outside: conformance/knows-server.ts → src/server/infra/engine.ts');
    expect(errors).toContain('server-log: src/server/log/uses-command.ts → src/server/command/write.ts');
    expect(errors).toMatch(/no-cycles: src\/core\/cycle-(one|two)[.]ts/);
  });

  it('[house] the linter keeps clocks and dice out of the pure rings', async () => {
    const errors = await outputOf('biome', ['lint', '--reporter=github', 'src']);
    for (const ring of ['core', 'protocol', 'sync']) {
      expect(linesWith(errors, `src/${ring}/reads-clock.ts`, 'read no clock')).toBe(2);
      expect(linesWith(errors, `src/${ring}/rolls-dice.ts`, 'roll no dice')).toBe(1);
    }
  });

  /** Of a tool that has to fail. */
  async function outputOf(tool: string, args: readonly string[]): Promise<string> {
    const file = join(root, 'node_modules/.bin', tool);
    const failure = await run(file, args, { cwd: tree, env: { ...process.env, NO_COLOR: '1' } }).then(
      () => undefined,
      (error: { readonly stdout: string }) => error,
    );
    if (failure === undefined) throw new Error(`${tool} found nothing`);
    return failure.stdout;
  }
});

function linesWith(text: string, ...parts: readonly string[]): number {
  return text.split('\n').filter((line) => parts.every((part) => line.includes(part))).length;
}
