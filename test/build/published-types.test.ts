/** What a project that installed the package sees of `aibrain-server/client`. Needs `npm run build`. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

const page = `import { type Client, createClient, type MemoryId, parseId } from 'aibrain-server/client';
export const client: Client = await createClient({ url: 'https://memory.example.org', getToken: async () => 'token' });
const id: MemoryId | null = parseId<MemoryId>('x');
export const shown: string | undefined = id === null ? undefined : client.get(id)?.content;
`;

const mistaken = `import { createClient } from 'aibrain-server/client';
createClient({ url: 1 });
`;

describe('[house] the types of aibrain-server/client', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aibrain-published-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules/aibrain-server'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(['bundler', 'nodenext'])('[house] are found and complete with moduleResolution %s', async (moduleResolution) => {
    expect(await errorsOf(page, moduleResolution)).toBe('');
    expect(await errorsOf(mistaken, moduleResolution)).toContain('error TS2322');
  });

  async function errorsOf(source: string, moduleResolution: string): Promise<string> {
    await writeFile(join(folder, 'page.ts'), source);
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const module = moduleResolution === 'bundler' ? 'esnext' : 'nodenext';
    const options = ['--target', 'es2022', '--lib', 'es2022,dom', '--module', module, '--moduleResolution', moduleResolution];
    const args = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--pretty', 'false', ...options, 'page.ts'];
    return await run(join(root, 'node_modules/.bin/tsc'), args, { cwd: folder }).then(
      () => '',
      (error: { readonly stdout: string }) => error.stdout,
    );
  }
});
