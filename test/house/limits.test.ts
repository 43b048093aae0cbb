/** docs/LIMITS.md holds every limit of the code, as it is. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryLimits } from '../../src/core/memory.ts';
import { wireLimits } from '../../src/protocol/limits.ts';
import { accessLimits } from '../../src/server/access/access-limits.ts';
import { attemptLimits } from '../../src/server/access/attempt-delays.ts';
import { queueLimits } from '../../src/server/admission/admission.ts';
import { defaultGroupLimits } from '../../src/server/command/group-commit.ts';
import { describeConfig, loadConfig } from '../../src/server/config.ts';
import { toAdmissionOptions } from '../../src/server/edge/admission-options.ts';
import { authRates } from '../../src/server/edge/auth-rates.ts';
import { frameRates } from '../../src/server/edge/frame-budget.ts';
import { auditRates } from '../../src/server/edge/http-audit.ts';
import { ingestLimits } from '../../src/server/edge/http-ingest.ts';
import { httpLimits } from '../../src/server/edge/http-limits.ts';
import { sessionLimits } from '../../src/server/edge/ws-connection.ts';
import { chunkLimits } from '../../src/server/ingest/chunks.ts';
import { transferLimits } from '../../src/server/transfer/item.ts';
import { zipLimits } from '../../src/server/transfer/read-zip.ts';

const root = join(import.meta.dirname, '../..');

const tables: Readonly<Record<string, object>> = {
  ...{ memoryLimits, wireLimits, accessLimits, defaultGroupLimits, auditRates, authRates, frameRates, httpLimits, sessionLimits },
  ...{ attemptLimits, chunkLimits, transferLimits, ingestLimits, zipLimits },
};

/** Tables that no caller meets, and why. */
const reasonByOther: Readonly<Record<string, string>> = {
  defaultCacheLimits: 'what is kept of the log in this process; beyond it is read again',
};

const settings = [
  ...['BODY_LIMIT_BYTES', 'USER_PER_MINUTE', 'REQUESTS_IN_FLIGHT', 'REQUESTS_PER_USER', 'SEARCHES_IN_FLIGHT'],
  ...['INGESTS_IN_FLIGHT', 'TRANSFERS_IN_FLIGHT', 'QUEUE_SECONDS', 'CONNECTIONS', 'CONNECTIONS_PER_ADDRESS'],
  ...['SOCKETS', 'SOCKETS_PER_ADDRESS', 'SOCKETS_PER_USER', 'SLOW_CLIENT_SECONDS'],
];

/** Limits of queues that are no setting of their own. */
const ofQueues = ['running', 'runningOfOne', 'waiting', 'waitingOfOne'] as const;

const flatten = (name: string, limit: unknown): readonly (readonly [string, unknown])[] =>
  typeof limit === 'object' && limit !== null
    ? Object.entries(limit).flatMap(([key, inner]) => flatten(`${name}.${key}`, inner))
    : [[name, limit]];

const page = readFileSync(join(root, 'docs/LIMITS.md'), 'utf8');
const rows = page.split('\n').flatMap((line) => {
  const cells = line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
  const names = [...(cells.at(-1) ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  return names.map((name) => ({ name, limit: Number((cells[1] ?? '').replaceAll(',', '')) }));
});

function defaults() {
  const config = loadConfig({});
  if (!config.ok) throw new Error(config.error.join('\n'));
  return config.value;
}

describe('[house] the table of limits', () => {
  const limitByName = new Map(rows.map(({ name, limit }) => [name, limit]));

  it('[SEC-3] holds every limit of the code with its value', () => {
    const wanted = Object.entries(tables).flatMap(([table, limits]) => flatten(table, limits));
    expect(wanted.map(([name]) => [name, limitByName.get(name)])).toEqual(wanted);
  });

  it('[SEC-3] holds every setting that is a limit, with its default', () => {
    const byDefault = new Map(describeConfig({}).map((setting) => [setting.name, Number(setting.default)]));
    expect(settings.map((name) => [name, limitByName.get(name)])).toEqual(settings.map((name) => [name, byDefault.get(name)]));
  });

  it('[SEC-16] says of the queues what is in effect', () => {
    const limits = queueLimits(toAdmissionOptions(defaults()));
    const told = rows.filter(({ name }) => name.startsWith('queueLimits.'));
    expect(told.length).toBeGreaterThan(15);
    for (const { name, limit } of told) {
      const [, kind = '', key = ''] = name.split('.');
      expect([name, Object.entries(limits[kind as keyof typeof limits]).find(([each]) => each === key)?.[1]]).toEqual([
        name,
        limit,
      ]);
    }
    const named = new Set(told.map(({ name }) => name));
    const isSetting = ['light.running', 'light.runningOfOne', 'search.running', 'ingest.running', 'import.running'];
    const all = Object.keys(limits).flatMap((kind) => ofQueues.map((key) => `${kind}.${key}`));
    expect(all.filter((name) => !(named.has(`queueLimits.${name}`) || isSetting.includes(name)))).toEqual([]);
  });

  it('[house] names nothing that is not there', () => {
    const known = new Set(Object.entries(tables).flatMap(([table, limits]) => flatten(table, limits).map(([name]) => name)));
    const strange = rows.filter(
      ({ name }) => !(known.has(name) || settings.includes(name) || /^(GET |queueLimits\.)/.test(name)),
    );
    expect(strange).toEqual([]);
  });

  it('[house] knows every table of limits that there is', () => {
    const files = readdirSync(join(root, 'src/'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const declared = files
      .filter((file) => !file.startsWith('client/'))
      .flatMap((file) => [
        ...readFileSync(join(root, 'src', file), 'utf8').matchAll(
          /^(?:export )?const (\w*(?:[lL]imits|[rR]ates))\b[^=\n]*= \{/gm,
        ),
      ])
      .map(([, name = '']) => name);
    expect(declared.filter((name) => !(name in tables || name in reasonByOther)).sort()).toEqual([]);
    expect(declared.length).toBeGreaterThanOrEqual(Object.keys(tables).length);
  });
});
