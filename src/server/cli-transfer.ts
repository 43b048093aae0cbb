/** `aibrain import` and `aibrain export`: files against a running server, or against whatever else takes them. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { err, ok, type Result } from '../core/result.ts';

export interface TransferOrders {
  readonly command: 'import' | 'export';
  readonly files: readonly string[];
  readonly format: string | null;
  readonly ingest: boolean;
  readonly deduplicate: boolean;
  /** Standard output where it is null. */
  readonly out: string | null;
  /** Whose, when the database is opened here. */
  readonly email: string | null;
  readonly target: { readonly url: string; readonly token: string };
}

export interface FileToImport {
  readonly path: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly format: string | null;
  readonly ingest: boolean;
  readonly deduplicate: boolean;
}

export interface TransferTarget {
  importFile(file: FileToImport): Promise<FileReport>;
  exportFile(format: string): Promise<AsyncIterable<string | Uint8Array>>;
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
      options: { format: text, out: text, user: text, url: text, token: text, ingest: yes, deduplicate: yes },
    });
    if (command === 'import' && files.length === 0) return err('import needs a file');
    const url = values.url ?? given.url;
    const token = values.token ?? given.token ?? '';
    const email = values.user ?? null;
    if (email === null && token === '')
      return err('a token is needed: --token, or AIBRAIN_TOKEN; or --user EMAIL without a server');
    const { ingest, deduplicate, format = null, out = null } = values;
    return ok({ command, files, format, ingest, deduplicate, out, email, target: { url, token } });
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

/** The exit code: 1 when a record failed. */
export async function runTransfer(orders: TransferOrders, target: TransferTarget): Promise<number> {
  if (orders.command === 'export') {
    const file = Readable.from(await target.exportFile(orders.format ?? 'ndjson'));
    if (orders.out === null) await pipeline(file, process.stdout, { end: false });
    else await pipeline(file, createWriteStream(orders.out));
    return 0;
  }
  let failed = 0;
  for (const path of orders.files) {
    const report = await importWithProgress(orders, target, path);
    failed += report.failedCount;
    process.stdout.write(`${path}: ${describe(report)}\n`);
    for (const { place, path: field, message } of report.failed.slice(0, shownFailures))
      process.stderr.write(`  ${place}: ${[field, message].filter((part) => part !== '').join(' ')}\n`);
    if (report.failedCount > shownFailures) process.stderr.write(`  and ${report.failedCount - shownFailures} more\n`);
  }
  return failed === 0 ? 0 : 1;
}

const shownFailures = 10;

const describe = ({ imported, updated, skipped, failedCount }: FileReport): string =>
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

export function createHttpTarget({ url, token }: TransferOrders['target']): TransferTarget {
  const call = async (path: string, init: RequestInit & { readonly duplex?: 'half' }): Promise<Response> => {
    const response = await fetch(new URL(`/api/v1${path}`, url), {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token}` },
    }).catch((error: Error) => {
      throw new Error(`${url} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`);
    });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as {
      detail?: string;
      errors?: readonly { path: string; message: string }[];
    };
    const fields = (problem.errors ?? []).map(({ path: field, message }) => `${field} ${message}`);
    throw new Error([`${response.status}`, problem.detail ?? '', ...fields].join(' ').trim());
  };
  return {
    async importFile({ path, bytes, format, ingest, deduplicate }) {
      const query = new URLSearchParams({
        ...(format !== null && { format }),
        ...(ingest && { ingest: 'true' }),
        ...(deduplicate && { deduplicate: 'true' }),
      });
      const mediaType = mediaTypes.find(([ending]) => ending.test(path))?.[1] ?? 'application/octet-stream';
      const body = Readable.toWeb(Readable.from(bytes)) as ReadableStream<Uint8Array>;
      const response = await call(`/memories/import?${query}`, {
        method: 'POST',
        headers: { 'content-type': mediaType },
        body,
        duplex: 'half',
      });
      return (await response.json()) as FileReport;
    },
    async exportFile(format) {
      const { body } = await call(`/memories/export?${new URLSearchParams({ format })}`, {});
      if (body === null) throw new Error('the server sent no file');
      return Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]) as AsyncIterable<Uint8Array>;
    },
  };
}
