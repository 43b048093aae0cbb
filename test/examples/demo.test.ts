/** `npm run demo` as a user runs it: from dist, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDataset } from '../../examples/two-devices/dataset.ts';

const script = join(import.meta.dirname, '../../dist/examples/two-devices/demo.js');
const timeoutMs = 60_000;

const conversation = (id: string, name: string) => ({
  id,
  speakers: [name, 'Nobody'],
  facts: Array.from({ length: 4 }, (_, index) => ({
    text: `${name} has been to the lake ${index + 2} times. ${'And so on. '.repeat(20)}`,
  })),
});

describe('npm run demo', () => {
  let folder = '';
  let temporary = '';
  let data = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aibrain-demo-test-'));
    temporary = join(folder, 'tmp');
    data = join(folder, 'data.json');
    await mkdir(temporary);
    await writeFile(data, JSON.stringify({ conversations: [conversation('one', 'Maria'), conversation('two', 'Joost')] }));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('[MRG-3] [LOG-4] ends with equal hashes, kept conflicts and a verified chain', { timeout: timeoutMs }, async () => {
    const { code, out, errors } = await ended(demo('--data', data));
    expect(errors).toBe('');
    expect(code).toBe(0);
    const rows = [...out.matchAll(/^ +(laptop|phone|server|tablet) +([0-9a-f]{16}) +([0-9a-f]{16}) +(\d+)$/gm)];
    expect(rows.map(([, who]) => who)).toEqual(['laptop', 'phone', 'server', 'tablet']);
    // Two times four were brought in, one was deleted and one made offline.
    expect(new Set(rows.map(([, , ...held]) => held.join(' '))).size).toBe(1);
    expect(rows[0]?.[4]).toBe('8');
    expect(out).toMatch(/A {2}content: the phone wins; the laptop's value is kept as a conflict/);
    expect(out).toMatch(/B {2}deleted: the laptop's delete wins/);
    expect(out).toMatch(/F {2}content: the laptop wins; no conflict/);
    expect(out).toContain('open conflicts now: 1');
    expect(out).toMatch(/verified: \d+ events/);
  });

  it('is plain text of 100 columns where there is no terminal, and leaves nothing behind', { timeout: timeoutMs }, async () => {
    const { code, out } = await ended(demo('--small'));
    expect(code).toBe(0);
    expect(out).not.toContain('\u001b');
    expect(out.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('leaves nothing behind when it is interrupted', { timeout: timeoutMs }, async () => {
    const child = demo('--small');
    child.stdout?.once('data', () => setTimeout(() => child.kill('SIGINT'), 500));
    const { code, errors } = await ended(child);
    expect(errors).toBe('');
    expect(code).toBe(130);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('says what is wrong with its data', { timeout: timeoutMs }, async () => {
    await writeFile(data, '{"conversations": []}');
    const { code, errors } = await ended(demo('--data', data));
    expect(code).toBe(1);
    expect(errors).toContain(`The demo failed: ${data} must hold two conversations`);
  });

  it('takes the facts of two conversations as memories', () => {
    const { laptop, phone } = readDataset(data);
    expect([laptop.length, phone.length]).toEqual([4, 4]);
    expect(laptop[0]).toMatchObject({ tags: ['maria'], source: { platform: 'locomo', conversationId: 'one' } });
  });

  const demo = (...args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [script, ...args], {
      env: { ...process.env, TMPDIR: temporary, FORCE_COLOR: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
});

async function ended(child: ChildProcess): Promise<{ readonly code: number; readonly out: string; readonly errors: string }> {
  if (child.stdout === null || child.stderr === null) throw new Error('stdout and stderr are pipes');
  const [out, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { code, out, errors };
}
