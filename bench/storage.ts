/** A place of its own for every process under comparison: a database that is dropped afterwards, or a folder. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openPostgres } from '../src/server/infra/postgres.ts';
import type { Cleanup } from './cleanup.ts';
import type { Engine, Place } from './place.ts';

export interface Storage {
  readonly place: Place;
  drop(): Promise<void>;
}

export interface StorageOptions {
  readonly engine: Engine;
  /** A database whose role may create others. */
  readonly adminUrl: string | undefined;
  /** Where folders are made. A real disk: on a file system in RAM an fsync costs nothing. */
  readonly dataRoot: string;
}

export async function createStorage(cleanup: Cleanup, options: StorageOptions): Promise<Storage> {
  const { place, drop } =
    options.engine === 'pglite' ? await createFolder(options.dataRoot) : await createDatabase(options.adminUrl);
  return { place, drop: cleanup.defer(drop) };
}

async function createFolder(dataRoot: string): Promise<Storage> {
  await mkdir(dataRoot, { recursive: true });
  const dataDir = await mkdtemp(join(dataRoot, 'bench-'));
  return { place: { engine: 'pglite', dataDir }, drop: () => rm(dataDir, { recursive: true, force: true }) };
}

async function createDatabase(adminUrl: string | undefined): Promise<Storage> {
  if (adminUrl === undefined) throw new Error('PostgreSQL needs TEST_DATABASE_URL or DATABASE_URL');
  const name = `aibrain_bench_${process.pid}_${process.hrtime.bigint().toString(36)}`;
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  await runAsAdmin(adminUrl, `create database ${name}`);
  return {
    place: { engine: 'postgresql', databaseUrl: url.href },
    drop: () => runAsAdmin(adminUrl, `drop database if exists ${name} with (force)`),
  };
}

async function runAsAdmin(adminUrl: string, sql: string): Promise<void> {
  const admin = await openPostgres({ url: adminUrl, poolSize: 1, applicationName: 'aibrain-bench' });
  try {
    await admin.script(sql);
  } finally {
    await admin.close();
  }
}
