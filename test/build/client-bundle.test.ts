/** The published client as a page gets it: small, whole, and within a CSP without `unsafe-eval`. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gzipBytes } from '../../build/browser-bundle.ts';
import { bundleClient } from '../../build/bundle-client.ts';

const root = join(import.meta.dirname, '../..');

const nodeGlobals = ['process', 'Buffer', 'global', 'require', 'module', 'exports', '__dirname', '__filename', 'setImmediate'];

describe('[house] the bundle of aibrain-server/client', () => {
  let folder = '';
  let code = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aibrain-client-bundle-'));
    code = await readFile(await bundleClient(root, folder), 'utf8');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('[house] weighs at most 40 KB gzip', () => {
    expect(gzipBytes(Buffer.from(code))).toBeLessThanOrEqual(40_000);
  });

  it('[house] makes no code out of text', async () => {
    expect(await freeNamesOf(code, ['Function', 'eval'])).toEqual([]);
    // The other ways to the constructor of functions.
    expect(code).not.toMatch(/\bnew\s+Function\b|\bFunction\s*\(|\beval\s*\(|\.constructor\s*\(|\bimport\s*\(/);
  });

  it('[house] imports nothing and knows no global of Node', async () => {
    expect(code).not.toMatch(/(?:^|[;}\s])import\s*["'{*\w]/);
    expect(await freeNamesOf(code, nodeGlobals)).toEqual([]);
  });

  it('[house] exports what a page needs', async () => {
    const client = await import(join(folder, 'index.js'));
    expect(Object.keys(client)).toEqual(expect.arrayContaining(['createClient', 'parseId', 'InvalidMemory', 'StorageFull']));
  });

  it('[house] has the store of scripts in a file of its own', async () => {
    const { createVolatileStore } = await import(join(folder, 'volatile-store.js'));
    expect(createVolatileStore().description).toBe('volatile');
  });

  it('[house] carries the licences of the packages in it', async () => {
    const notices = await readFile(join(folder, 'NOTICES.txt'), 'utf8');
    const names = [...notices.matchAll(/^(\S+) \d\S* \(\w+\)$/gm)].map(([, name]) => name);
    // Of zod nothing is left: values are checked by hand there (core/value-checks).
    expect(names).toEqual(['idb', 'msgpackr', 'uuid']);
  });

  it('[house] a free name is found whatever it is called by', async () => {
    expect(await freeNamesOf('const a = Function; new a("");', ['Function'])).toEqual(['Function']);
    expect(await freeNamesOf('((Function) => Function())(1); const o = { Function: 1 }; o.Function;', ['Function'])).toEqual([]);
  });
});

/** Which of these names the code uses without declaring them: esbuild replaces exactly those. */
async function freeNamesOf(code: string, names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      const mark = '__free_name_found__';
      const marked = await transform(code, { format: 'esm', define: { [name]: mark } });
      return marked.code.includes(mark) ? [name] : [];
    }),
  );
  return found.flat();
}
