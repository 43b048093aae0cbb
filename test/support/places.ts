/** Where a server process keeps its store, as environment variables: a folder, or a database of its own. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Engine } from './databases.ts';

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
  const url = new URL(process.env['TEST_DATABASE_URL'] ?? '');
  const name = `aibrain_system_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(url, `create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { env: { DATABASE_URL: own.href }, [Symbol.asyncDispose]: () => asAdmin(url, `drop database ${name} with (force)`) };
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
