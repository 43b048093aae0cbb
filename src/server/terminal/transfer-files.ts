/** `aibrain import` and `aibrain export`: files against a running server, or against whatever else takes them. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { err, ok, type Result } from '../../core/result.ts';
import { callServer } from './call-server.ts';

export interface TransferOrders {
  readonly command: 'import' | 'export';
  readonly files: readonly string[];
  readonly format: string | null;
  readonly ingest: boolean;
  readonly deduplicate: boolean;
  /** Exports deleted ones too. */
  readonly deleted: boolean;
  /** Standard output where it is null. */
  readonly out: string | null;
  readonly target: TargetOrders;
}

export type TargetOrders =
  | { readonly kind: 'server'; readonly url: string; readonly token: string }
  /** A server that asks for the password. */
  | { readonly kind: 'login'; readonly url: string; readonly email: string }
  /** The database, opened here. */
  | { readonly kind: 'database'; readonly email: string };

export interface FileToImport {
  readonly path: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly format: string | null;
  readonly ingest: boolean;
  readonly deduplicate: boolean;
}

export interface FileToExport {
  readonly format: string;
  readonly deleted: boolean;
}

export interface TransferTarget {
  importFile(file: FileToImport): Promise<FileReport>;
  exportFile(file: FileToExport): Promise<AsyncIterable<string | Uint8Array>>;
}

interface FileReport {
  readonly imported: number;
  readonly updated: number;
  readonly skipped: number;
  readonly failed: readonly { readonly place: string; readonly path: string; readonly message: string }[];
  readonly failedCount: number;
}

export function parseTransferOrders(
  command: TransferOrders['command'],
  args: readonly string[],
  given: { readonly url: string; readonly token: string | null },
): Result<TransferOrders, string> {
  const text = { type: 'string' } as const;
  const yes = { type: 'boolean', default: false } as const;
  try {
    const { values, positionals: files } = parseArgs({
      args: [...args],
      allowPositionals: command === 'import',
      options: {
        format: text,
        out: text,
        user: text,
        email: text,
        url: text,
        token: text,
        ingest: yes,
        deduplicate: yes,
        deleted: yes,
      },
    });
    if (command === 'import' && files.length === 0) return err('import needs a file');
    const { ingest, deduplicate, deleted, format = null, out = null } = values;
    const target = toTarget(values, given);
    if (target === null)
      return err('whose memories? --email EMAIL, or --token or AIBRAIN_TOKEN; or --user EMAIL without a server');
    return ok({ command, files, format, ingest, deduplicate, deleted, out, target });
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

/** What is said on the command line goes before what the environment says. */
function toTarget(
  said: { readonly url?: string; readonly token?: string; readonly email?: string; readonly user?: string },
  given: { readonly url: string; readonly token: string | null },
): TargetOrders | null {
  const url = said.url ?? given.url;
  if (said.user !== undefined) return { kind: 'database', email: said.user };
  if (said.token !== undefined) return { kind: 'server', url, token: said.token };
  if (said.email !== undefined) return { kind: 'login', url, email: said.email };
  return given.token === null ? null : { kind: 'server', url, token: given.token };
}

/** The exit code: 1 when a record failed. */
export async function runTransfer(orders: TransferOrders, target: TransferTarget): Promise<number> {
  if (orders.command === 'export') {
    const file = Readable.from(await target.exportFile({ format: orders.format ?? 'ndjson', deleted: orders.deleted }));
    if (orders.out === null) await pipeline(file, process.stdout, { end: false });
    else await pipeline(file, createWriteStream(orders.out));
    return 0;
  }
  let failed = 0;
  for (const path of orders.files) failed += await importAndTell(orders, target, path);
  return failed === 0 ? 0 : 1;
}

/** Returns how many records failed; a file that cannot be read counts as one, and the next goes on. */
async function importAndTell(orders: TransferOrders, target: TransferTarget, path: string): Promise<number> {
  const complain = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    const { failed, failedCount, ...report } = await importWithProgress(orders, target, path);
    process.stdout.write(`${path}: ${describe({ ...report, failedCount })}\n`);
    for (const { place, path: field, message } of failed.slice(0, shownFailures))
      complain(`  ${place}: ${[field, message].filter((part) => part !== '').join(' ')}`);
    if (failedCount > shownFailures) complain(`  and ${failedCount - shownFailures} more`);
    return failedCount;
  } catch (error) {
    complain(`aibrain: ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

const shownFailures = 10;

const describe = ({ imported, updated, skipped, failedCount }: Omit<FileReport, 'failed'>): string =>
  `${imported} imported, ${updated} updated, ${skipped} skipped, ${failedCount} failed`;

async function importWithProgress(
  { format, ingest, deduplicate }: TransferOrders,
  target: TransferTarget,
  path: string,
): Promise<FileReport> {
  const { size } = await stat(path);
  const bar = new SingleBar(
    { stream: process.stderr, noTTYOutput: false, format: `${path} {bar} {percentage} %`, hideCursor: true },
    Presets.shades_classic,
  );
  const isShown = process.stderr.isTTY === true;
  if (isShown) bar.start(size, 0);
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      yield chunk;
      if (isShown) bar.increment(chunk.length);
    }
  }
  try {
    return await target.importFile({ path, bytes: counted(), format, ingest, deduplicate });
  } finally {
    if (isShown) bar.stop();
  }
}

const mediaTypes: readonly (readonly [RegExp, string])[] = [
  [/\.(?:ndjson|jsonl)$/i, 'application/x-ndjson'],
  [/\.json$/i, 'application/json'],
  [/\.csv$/i, 'text/csv'],
  [/\.(?:md|markdown)$/i, 'text/markdown'],
  [/\.zip$/i, 'application/zip'],
];

export interface HttpTarget {
  readonly url: string;
  readonly token: () => Promise<string>;
}

export function createHttpTarget({ url, token }: HttpTarget): TransferTarget {
  return {
    async importFile({ path, bytes, format, ingest, deduplicate }) {
      const query = new URLSearchParams({
        ...(format !== null && { format }),
        ...(ingest && { ingest: 'true' }),
        ...(deduplicate && { deduplicate: 'true' }),
      });
      const mediaType = mediaTypes.find(([ending]) => ending.test(path))?.[1] ?? 'application/octet-stream';
      const body = Readable.toWeb(Readable.from(bytes)) as ReadableStream<Uint8Array>;
      const init = { method: 'POST', headers: { 'content-type': mediaType }, body, duplex: 'half' } as const;
      const response = await callServer({ url, path: `/memories/import?${query}`, token: await token(), init });
      return (await response.json()) as FileReport;
    },
    async exportFile({ format, deleted }) {
      const path = `/memories/export?${new URLSearchParams({ format, ...(deleted && { deleted: 'true' }) })}`;
      const { body } = await callServer({ url, path, token: await token() });
      if (body === null) throw new Error('the server sent no file');
      return Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]) as AsyncIterable<Uint8Array>;
    },
  };
}
