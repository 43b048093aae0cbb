#!/usr/bin/env node
/** `aibrain`: the server, and what proves and repairs its store. */
import type { UserId } from '../core/ids.ts';
import { type Config, describeConfig, loadConfig } from './config.ts';
import { openDatabase } from './deps.ts';
import type { Database } from './infra/database.ts';
import { migrate } from './infra/migrate.ts';
import { verifyLog } from './log/verify.ts';
import { migrationsFolder } from './package.ts';
import { rebuildProjections } from './project/rebuild.ts';

const usage = `aibrain: the memory server

  aibrain [start]          run the server
  aibrain verify           recompute every user's chain of hashes
  aibrain rebuild          make the projections again from the log and compare; --swap puts them in place
  aibrain config           print the settings: environment variable, value, default, meaning

The embedded database belongs to one process: stop the server before verify and rebuild, or use DATABASE_URL.`;

process.exitCode = await run(process.argv.slice(2));

async function run([command = 'start', ...options]: readonly string[]): Promise<number> {
  switch (command) {
    case 'start':
      await import('./main.ts');
      return 0;
    case 'verify':
      return withDatabase(verifyAll);
    case 'rebuild':
      return withDatabase((db) => rebuildAll(db, options.includes('--swap')));
    case 'config':
      return printConfig();
    default:
      say(usage);
      return command === 'help' || command === '--help' ? 0 : 2;
  }
}

async function withDatabase(work: (db: Database) => Promise<number>): Promise<number> {
  const config = loadConfig();
  if (!config.ok) return complain(config.error.join('\n'));
  try {
    const db = await openMigrated(config.value);
    try {
      return await work(db);
    } finally {
      await db.close();
    }
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error));
  }
}

async function openMigrated(config: Config): Promise<Database> {
  const db = await openDatabase(config);
  say(db.description);
  await migrate(db, migrationsFolder);
  return db;
}

async function verifyAll(db: Database): Promise<number> {
  const users = await db.query<{ user_id: UserId }>('select user_id from user_heads order by user_id');
  let events = 0;
  let broken = 0;
  for (const [index, { user_id: userId }] of users.entries()) {
    const verdict = await verifyLog(db, userId, (done) =>
      progress(`user ${index + 1} of ${users.length}, ${events + done} events`),
    );
    events += verdict?.events ?? 0;
    if (verdict === null || verdict.verified) continue;
    broken++;
    say(`user ${userId}: the chain is broken at seq ${verdict.brokenAt}`);
  }
  say(`${users.length} users, ${events} events: ${broken === 0 ? 'every chain verifies' : `${broken} chains are broken`}`);
  return broken === 0 ? 0 : 1;
}

async function rebuildAll(db: Database, swap: boolean): Promise<number> {
  let users = 0;
  const report = await rebuildProjections(db, {
    swap,
    onProgress: ({ events }) => progress(`${++users} users replayed, the last with ${events} events`),
  });
  say(`${report.users} users, ${report.memories} memories, ${report.conflicts} conflicts rebuilt from the log`);
  if (report.firstDifference === undefined) {
    say('the live rows are the same, byte for byte');
    return 0;
  }
  say(`${report.differing} users differ; the first difference: ${JSON.stringify(report.firstDifference)}`);
  say(
    swap ? `${report.swapped} users were swapped; restart the servers` : 'run again with --swap to put the rebuilt rows in place',
  );
  return swap && report.swapped === report.differing ? 0 : 1;
}

function printConfig(): number {
  for (const { name, value, default: byDefault, unit, text } of describeConfig()) {
    const usual = [byDefault === '' ? 'none' : byDefault, unit].filter((part) => part !== '').join(' ');
    say(`${name.padEnd(23)}${value === '' ? '-' : value}  (default: ${usual})\n${' '.repeat(23)}${text}`);
  }
  return 0;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stdout.write(`${text}\n`);
}

function complain(text: string): number {
  process.stderr.write(`${text.replace(/^/gm, 'aibrain: ')}\n`);
  return 1;
}
