#!/usr/bin/env node
/** `aibrain`: the server, and what proves and repairs its store. */
import { parseArgs } from 'node:util';
import { v4 } from 'uuid';
import { type Epoch, serverDeviceId, type UserId } from '../core/ids.ts';
import { findUserId } from './access/find-user-id.ts';
import { addKey, dropKey, generateKey, useKey } from './access/token-key-file.ts';
import { isInlineKeys } from './access/token-keys.ts';
import { createAppend } from './command/append.ts';
import { createCollector } from './command/collector.ts';
import { type Config, describeConfig, loadConfig } from './config.ts';
import { createDoctorDeps } from './construct/doctor-deps.ts';
import { migrateDirectly, openDatabase, openMaintenance } from './construct/open-database.ts';
import { collectorOptions, createDeps } from './deps.ts';
import { createHub } from './fanout/hub.ts';
import { type Database, DatabaseUnavailable } from './infra/database.ts';
import { distribute } from './infra/distribute.ts';
import { migrate } from './infra/migrate.ts';
import { beginEpoch } from './log/begin-epoch.ts';
import { readUserIds } from './log/read-user-ids.ts';
import { verifyLog } from './log/verify.ts';
import { migrationsFolder } from './package.ts';
import { rebuildProjections } from './project/rebuild.ts';
import { askSecret } from './terminal/ask-secret.ts';
import { openCliSession } from './terminal/cli-session.ts';
import { createHttpTarget, parseTransferOrders, runTransfer, type TransferOrders } from './terminal/transfer-files.ts';

import { fileFormats } from './transfer/read-items.ts';
import { isZipFile } from './transfer/read-zip.ts';
import { exportFormats } from './transfer/write-memories.ts';

const usage = `aibrain: the memory server

  aibrain [start]          run the server
  aibrain migrate          bring the schema up to date, and nothing else; --citus also distributes every table by user
  aibrain verify           recompute every user's chain of hashes
  aibrain rebuild          make the projections again from the log and compare; --swap puts them in place
  aibrain collect          let go of deleted memories that no device can miss any more (TOMBSTONE_DAYS)
  aibrain new-epoch        after restoring a backup, before the servers start: devices compare and bring back what is lost
  aibrain import FILE…     memories and chats from files: this server's own, the extension's, ChatGPT, Claude, mem0, MCP, CSV,
                           Markdown. [--format f] [--ingest] [--deduplicate]
  aibrain export           every memory as a file. [--format ndjson|json|markdown|csv] [--out FILE] [--deleted]
                           Both ask a running server, [--url http://…] or AIBRAIN_URL, as --email EMAIL (the password is
                           asked for, or AIBRAIN_PASSWORD) or with --token or AIBRAIN_TOKEN; or they open the database
                           themselves: --user EMAIL
  aibrain keys new|use|drop  the keys of access tokens, in the file that JWT_KEYS or --file names: a new one, which verifies;
                           use KID, it signs from now on; drop KID. Without a file, new prints one. [--hs256]
  aibrain doctor           try for real what a server needs (database, Redis, embedding, extraction …) and say what to do. [--json]
  aibrain config           print the settings: environment variable, value, default, meaning

The embedded database belongs to one process: stop the server before any other command
but config, or use DATABASE_URL.`;

process.exitCode = await run(process.argv.slice(2));

async function run([command = 'start', ...options]: readonly string[]): Promise<number> {
  switch (command) {
    case 'start':
      await import('./main.ts');
      return 0;
    case 'migrate':
      return withDirectDatabase((db) => migrateAlone(db, options.includes('--citus')));
    case 'verify':
      return withDatabase(verifyAll);
    case 'rebuild':
      return withDatabase((db) => rebuildAll(db, options.includes('--swap')));
    case 'collect':
      return withDatabase(collectAll);
    case 'new-epoch':
      return withDatabase(beginEpochs);
    case 'import':
    case 'export':
      return transferFiles(command, options);
    case 'keys':
      return changeKeys(options);
    case 'doctor':
      return runDoctor(options.includes('--json'));
    case 'config':
      return printConfig();
    default:
      say(usage);
      return command === 'help' || command === '--help' ? 0 : 2;
  }
}

async function withDatabase(work: (db: Database, config: Config) => Promise<number>, tell = say): Promise<number> {
  const config = loadConfig();
  if (!config.ok) return complain(config.error.join('\n'));
  try {
    const db = await openMigrated(config.value, tell);
    try {
      return await work(db, config.value);
    } finally {
      await db.close();
    }
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error));
  }
}

/** Past any pooler, with statements that may take as long as they need. */
async function withDirectDatabase(work: (db: Database) => Promise<number>): Promise<number> {
  const config = loadConfig();
  if (!config.ok) return complain(config.error.join('\n'));
  const { databaseDirectUrl, databaseUrl } = config.value;
  const url = databaseDirectUrl ?? databaseUrl;
  try {
    const db = await (url === null ? openDatabase({ ...config.value, rowLevelSecurity: 'off' }) : openMaintenance(url));
    try {
      return await work(db);
    } finally {
      await db.close();
    }
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error));
  }
}

async function migrateAlone(db: Database, isCitus: boolean): Promise<number> {
  say(db.description);
  const applied = await migrate(db, migrationsFolder);
  say(applied.length === 0 ? 'the schema is up to date' : `applied ${applied.join(', ')}`);
  if (!isCitus) return 0;
  const distributed = await distribute(db);
  for (const { table, column } of distributed) say(`${table} is distributed by ${column}`);
  say(distributed.length === 0 ? 'every table is distributed' : 'run the servers with GROUP_COMMIT=user');
  return 0;
}

async function openMigrated(config: Config, tell: (text: string) => void): Promise<Database> {
  // Whoever looks after the whole store is its owner.
  const db = await openDatabase({ ...config, rowLevelSecurity: 'off' });
  tell(db.description);
  await migrateDirectly(db, config);
  return db;
}

async function verifyAll(db: Database): Promise<number> {
  const users: UserId[] = [];
  for await (const userId of readUserIds(db)) users.push(userId);
  let events = 0;
  let broken = 0;
  for (const [index, userId] of users.entries()) {
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

async function collectAll(db: Database, config: Config): Promise<number> {
  const append = createAppend({ db, hub: createHub(), now: Date.now }, { statements: config.groupCommit });
  let failed = 0;
  const onError = (): void => undefined;
  const collector = createCollector({ db, append, now: Date.now, onError }, collectorOptions(config));
  const done = { users: 0, memories: 0, events: 0 };
  for await (const userId of readUserIds(db)) {
    try {
      const { memories, events } = await collector.collect(userId);
      done.memories += memories;
      done.events += events;
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error;
      failed++;
      say(`user ${userId}: ${error instanceof Error ? error.message : String(error)}`);
    }
    progress(`${++done.users} users, ${done.memories} memories collected`);
  }
  say(
    `${done.users} users: ${done.memories} memories collected in ${done.events} events${failed > 0 ? `; ${failed} failed` : ''}`,
  );
  return failed === 0 ? 0 : 1;
}

async function beginEpochs(db: Database): Promise<number> {
  const at = new Date();
  let users = 0;
  for await (const userId of readUserIds(db)) {
    await beginEpoch(db, userId, v4() as Epoch, at);
    progress(`${++users} users`);
  }
  say(`${users} users: every log has a new epoch from its present head on`);
  return 0;
}

async function transferFiles(command: 'import' | 'export', args: readonly string[]): Promise<number> {
  const config = loadConfig();
  if (!config.ok) return complain(config.error.join('\n'));
  const { cliUrl: url, cliToken: token, cliPassword } = config.value;
  const parsed = parseTransferOrders(command, args, { url, token });
  if (!parsed.ok) return complain(parsed.error);
  const orders = parsed.value;
  const { target } = orders;
  // Standard output is the file's alone.
  if (target.kind === 'database') return withDatabase((db, config) => transferInProcess(db, config, orders, target.email), hint);
  try {
    return target.kind === 'login'
      ? await transferWithLogin(orders, target, cliPassword)
      : await runTransfer(orders, createHttpTarget({ url: target.url, token: async () => target.token }));
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error));
  }
}

async function transferWithLogin(
  orders: TransferOrders,
  { url, email }: { readonly url: string; readonly email: string },
  given: string | null,
): Promise<number> {
  const password = given ?? (await askSecret(`Password of ${email}: `));
  if (password === null) return complain('a password is needed: AIBRAIN_PASSWORD, or a terminal to ask on');
  const session = await openCliSession({ url, email, password }, Date.now);
  try {
    return await runTransfer(orders, createHttpTarget({ url, token: session.token }));
  } finally {
    // What was done stands, even where the session cannot be ended; it ends by itself.
    await session.end().catch((error: Error) => hint(`aibrain: the session was not ended: ${error.message}`));
  }
}

async function transferInProcess(db: Database, config: Config, orders: TransferOrders, email: string): Promise<number> {
  const userId = await findUserId(db, email.toLowerCase());
  if (userId === null) return complain(`no account has the e-mail ${email}`);
  const log = {
    error: (_: object, text: string) => void complain(text),
    warn: (_: object, text: string) => void complain(text),
    info: () => undefined,
  };
  const deps = await createDeps(config, { log, db });
  const writer = { userId, device: { ordinal: 0, id: serverDeviceId } };
  try {
    return await runTransfer(orders, {
      importFile: async ({ path, bytes, format, ...asked }) => {
        const known = format === null ? null : fileFormats.find((name) => name === format);
        if (known === undefined) throw new Error(`--format must be one of ${fileFormats.join(', ')}`);
        const request = { ...asked, format: known };
        const isZip = known === 'zip' || (await isZipFile(path));
        return isZip ? deps.transfer.importZip(writer, path, request) : deps.transfer.importStream(writer, bytes, request);
      },
      exportFile: async ({ format, deleted }) => {
        const known = exportFormats.find((name) => name === format);
        if (known === undefined) throw new Error(`--format must be one of ${exportFormats.join(', ')}`);
        return deps.transfer.exportAll(writer.userId, { format: known, withDeleted: deleted });
      },
    });
  } finally {
    await deps.close();
  }
}

async function changeKeys(options: readonly string[]): Promise<number> {
  const config = loadConfig();
  if (!config.ok) return complain(config.error.join('\n'));
  try {
    const { positionals, values } = parseArgs({
      args: [...options],
      allowPositionals: true,
      options: { file: { type: 'string' }, hs256: { type: 'boolean', default: false } },
    });
    const [order, kid] = positionals;
    const file = values.file ?? fileOfKeys(config.value.jwtKeys);
    const algorithm = values.hs256 ? 'HS256' : 'EdDSA';
    if (order === 'new' && kid === undefined) {
      if (file === null) say(JSON.stringify({ keys: [await generateKey(algorithm)] }));
      else say(`key ${await addKey(file, algorithm)} was added to ${file}; restart every server`);
      return 0;
    }
    if ((order !== 'use' && order !== 'drop') || kid === undefined || file === null) {
      return complain('aibrain keys new [--hs256] | use KID | drop KID, with JWT_KEYS or --file naming the file');
    }
    await (order === 'use' ? useKey : dropKey)(file, kid);
    say(`key ${kid} ${order === 'use' ? 'signs' : 'is refused'} once every server was restarted`);
    return 0;
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error));
  }
}

/** A declaration, for `run` is called above, before a constant of this place would be there. */
function fileOfKeys(jwtKeys: string | null): string | null {
  return jwtKeys === null || isInlineKeys(jwtKeys) ? null : jwtKeys;
}

/** Loaded only here: no other command needs the client of Redis. */
async function runDoctor(asJson: boolean): Promise<number> {
  const config = loadConfig();
  const [{ examine, toFindings }, { printFindings }] = await Promise.all([
    import('./doctor/doctor.ts'),
    import('./doctor/print-findings.ts'),
  ]);
  const how = { asJson, say };
  if (!config.ok) return printFindings(toFindings(config.error), how);
  return printFindings(examine(await createDoctorDeps(config.value), config.value), how);
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

function hint(text: string): void {
  process.stderr.write(`${text}\n`);
}

function complain(text: string): number {
  process.stderr.write(`${text.replace(/^/gm, 'aibrain: ')}\n`);
  return 1;
}
