/** Chromium with a profile of its own, thrown away afterwards; it can be killed without a word and started again on the same profile. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';

export interface BrowserProfile extends AsyncDisposable {
  /** Of the browser that runs now. */
  readonly context: BrowserContext;
  /** The process dies at once, as in a crash of the whole machine but for the disk. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface BrowserProfileOptions {
  /** Folder of an extension that is loaded unpacked. */
  readonly extension?: string;
}

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
];

export async function openBrowserProfile({ extension }: BrowserProfileOptions = {}): Promise<BrowserProfile> {
  const folder = await mkdtemp(join(tmpdir(), 'aibrain-profile-'));
  const extensionArgs =
    extension === undefined ? [] : [`--disable-extensions-except=${extension}`, `--load-extension=${extension}`];
  const launch = async () => {
    const launched = await chromium.launchPersistentContext(folder, {
      executablePath: process.env['AIBRAIN_CHROMIUM'] || '/usr/bin/chromium',
      headless: true,
      ignoreDefaultArgs: extension === undefined ? [] : ['--disable-extensions'],
      args: [...args, ...extensionArgs],
    });
    // Below that of a test, so that what was waited for is named.
    launched.setDefaultTimeout(20_000);
    return launched;
  };
  let context = await launch();
  return {
    get context() {
      return context;
    },
    async kill() {
      const closed = new Promise<void>((resolve) => context.once('close', () => resolve()));
      process.kill(browserPid(folder), 'SIGKILL');
      await closed;
    },
    async start() {
      context = await launch();
    },
    async [Symbol.asyncDispose]() {
      await context.close();
      // Helper processes of the browser may still write a last file.
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** The process that has the profile and is no helper of another one. */
function browserPid(folder: string): number {
  const found = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    const command = commandOf(name);
    return command.includes(`--user-data-dir=${folder}`) && !command.some((part) => part.startsWith('--type='));
  });
  if (found === undefined) throw new Error(`no browser runs on ${folder}`);
  return Number(found);
}

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended between the listing and this.
    return [];
  }
}
