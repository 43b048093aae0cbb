/** Where a server process keeps its store, as environment variables: a folder, or a database of its own. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Engine } from './databases.ts';
import { testMode } from './test-mode.ts';

export interface StorePlace extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
}

export function storePlace(engine: Engine): Promise<StorePlace> {
  return engine === 'pglite' ? folderPlace() : databasePlace();
}

async function folderPlace(): Promise<StorePlace> {
  const folder = mkdtempSync(join(tmpdir(), 'aibrain-store-'));
  return { env: { DATA_DIR: folder }, [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }) };
}

async function databasePlace(): Promise<StorePlace> {
  const pooled = new URL(process.env['TEST_DATABASE_URL'] ?? '');
  const url = testMode.directUrl === undefined ? pooled : new URL(testMode.directUrl);
  const name = `aibrain_system_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(url, `create database ${name}`);
  const own = (base: URL): string => Object.assign(new URL(base), { pathname: `/${name}` }).href;
  const direct = testMode.directUrl === undefined ? {} : { DATABASE_DIRECT_URL: own(url), DATABASE_POOLER: testMode.pooler };
  return {
    env: { DATABASE_URL: own(pooled), ...direct, ...testMode.env },
    [Symbol.asyncDispose]: () => asAdmin(url, `drop database ${name} with (force)`),
  };
}

async function asAdmin(url: URL, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
