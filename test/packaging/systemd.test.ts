/** The systemd unit, as systemd reads it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeConfig, loadConfig } from '../../src/server/config.ts';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'deploy/systemd/aibrain-server.service'), 'utf8');
const valuesOf = (name: string): readonly string[] =>
  text.split('\n').flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));

/** Most settings that are wrong are warnings to systemd, and ignored. */
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;

it.skipIf(!hasAnalyze)('[house] systemd understands every line of the unit', async () => {
  expect(await verify(text)).toBe('');
  expect(await verify(text.replace('ProtectHome=', 'ProtectHoem='))).toContain('ProtectHoem');
});

it.skipIf(!hasAnalyze)('[house] what the unit leaves open is little: an exposure of 1.5 at most, of 10', async () => {
  const inFolder = await withUnit(text, (path) => {
    const answer = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=15', path], { encoding: 'utf8' });
    return { status: answer.status, said: answer.stdout };
  });
  expect(inFolder.said).toContain('Overall exposure level');
  expect(inFolder.status).toBe(0);
});

it('[house] it starts the program of the package, with settings that exist, in its own folder', () => {
  const { bin, name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
    name: string;
  };
  const [program] = valuesOf('ExecStart');
  expect(program).toBe(`/usr/bin/node /opt/aibrain-server/node_modules/${name}/dist/src/server/main.js`);
  expect(bin['aibrain-server']).toMatch(/^dist\/src\/server\//);
  expect(existsSync(join(root, 'src/server/main.ts'))).toBe(true);
  const settings = Object.fromEntries((valuesOf('Environment')[0] ?? '').split(' ').map((pair) => pair.split('=')));
  const known = describeConfig({}).map((setting) => setting.name);
  expect(Object.keys(settings).filter((setting) => !known.includes(setting))).toEqual([]);
  expect(settings['DATA_DIR']).toBe(`/var/lib/${valuesOf('StateDirectory')[0]}`);
});

it('[house] it is given longer to stop than the drain takes', () => {
  const config = loadConfig({});
  if (!config.ok) throw new Error(config.error.join('\n'));
  expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(config.value.drainSeconds);
});

/** What `systemd-analyze verify` says. The program has to exist for it. */
async function verify(unit: string): Promise<string> {
  return withUnit(unit.replace('/usr/bin/node', process.execPath), (path) => {
    const { stderr, stdout } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    return `${stdout}${stderr}`;
  });
}

async function withUnit<T>(unit: string, use: (path: string) => T): Promise<T> {
  const place = await mkdtemp(join(tmpdir(), 'aibrain-unit-'));
  try {
    const path = join(place, 'aibrain-server.service');
    await writeFile(path, unit);
    return use(path);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
