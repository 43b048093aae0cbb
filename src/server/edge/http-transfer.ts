/** /memories/import and /memories/export: files in and out, as streams. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { detectContainer } from '../transfer/detect-format.ts';
import { exportFiles } from '../transfer/export-memories.ts';
import type { ImportReport } from '../transfer/import-records.ts';
import { type Bytes, transferLimits } from '../transfer/item.ts';
import { type FileFormat, fileFormats, peek, UnknownFormat } from '../transfer/read-items.ts';
import type { ImportRequest, Transfer } from '../transfer/transfer.ts';
import { exportFormats } from '../transfer/write-memories.ts';
import { flag } from './query-values.ts';
import { route } from './route.ts';
import { spoolBody } from './spooled-body.ts';

export interface TransferRouteDeps {
  readonly transfer: Transfer;
}

/** The format that a media type says, null where the file itself does. */
const formatByMediaType: Readonly<Record<string, FileFormat | null>> = {
  'application/json': null,
  'application/x-ndjson': 'ndjson',
  'application/zip': 'zip',
  'application/x-zip-compressed': 'zip',
  'text/csv': 'csv',
  'text/markdown': 'markdown',
  'application/octet-stream': null,
};

const tag = 'memories';

const importQuery = z.strictObject({
  format: z.enum(fileFormats).optional().meta({ description: 'What the file is. Default: as its content shows.' }),
  deduplicate: flag.optional().meta({ description: 'Leaves out what says the same as a live memory or an earlier record.' }),
  ingest: flag.optional().meta({ description: 'Conversations become memories, in place of being kept turn by turn.' }),
});

const exportQuery = z.strictObject({
  format: z.enum(exportFormats).default('ndjson').meta({ description: 'What the file is.' }),
  deleted: flag.optional().meta({ description: 'Deleted ones too, marked as such; an import passes over them.' }),
});

const importAnswer = z
  .object({
    imported: z.int(),
    updated: z.int(),
    skipped: z.int(),
    skippedBecause: z.record(z.string(), z.int()),
    failed: z
      .array(z.object({ index: z.int(), place: z.string(), code: z.string(), path: z.string(), message: z.string() }))
      .meta({ description: `The first ${transferLimits.listedFailures}; index counts the records of the file from 0.` }),
    failedCount: z.int(),
  })
  .meta({ id: 'ImportReport' });

export function registerTransferRoutes(api: FastifyInstance, deps: TransferRouteDeps): void {
  // In a scope of its own: here bodies, JSON too, reach the route as streams.
  void api.register((scope, _, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(Object.keys(formatByMediaType), (_request, payload, parsed) => parsed(null, payload));
    registerImport(scope, deps);
    done();
  });
  registerExport(api, deps);
}

function registerImport(app: FastifyInstance, { transfer }: TransferRouteDeps): void {
  route(
    app,
    {
      method: 'POST',
      url: '/memories/import',
      summary:
        'Memories and conversations from a file. A record that fails is named, the others go in; records with ids are added once',
      operationId: 'importMemories',
      description:
        'Takes what an export wrote, and files of others: the browser extension’s records, ChatGPT, Claude, mem0, the MCP memory server, CSV, Markdown. JSON is a list of memories, or an object with `memories` and `deduplicate`. `failed` says of each record that was not taken where it stands and why.',
      examples: {
        'Two memories': {
          memories: [
            { content: 'Prefers tea', type: 'preference', scope: 'user_global' },
            { content: 'Has a dog', type: 'fact', scope: 'user_global' },
          ],
          deduplicate: true,
        },
      },
      tag,
      auth: true,
      query: importQuery,
      body: z.instanceof(Readable, { error: 'must be a file' }),
      bodyTypes: Object.keys(formatByMediaType),
      bodyLimitBytes: transferLimits.fileBytes,
      answers: { 200: importAnswer },
      errors: ['overloaded'],
    },
    async ({ principal, query, body, request }) => {
      // SEC-3: what says of itself that it is too large is not read until it is.
      if (Number(request.headers['content-length']) > transferLimits.fileBytes) throw new AppError('too_large');
      const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
      const format = query.format ?? formatByMediaType[mediaType] ?? null;
      const asked: ImportRequest = { format, deduplicate: query.deduplicate === true, ingest: query.ingest === true };
      const bytes = limited(body, () => request.log.info('an upload was cut'));
      return { status: 200, body: await named(() => importBody(transfer, principal, bytes, asked, mediaType)) };
    },
  );
}

type Principal = Parameters<Transfer['importStream']>[0];

async function importBody(
  transfer: Transfer,
  writer: Principal,
  body: Bytes,
  asked: ImportRequest,
  mediaType: string,
): Promise<ImportReport> {
  const { head, bytes } = await peek(body);
  const isZip = asked.format === 'zip' || detectContainer(head) === 'zip';
  if (!isZip && mediaType !== 'application/json') return transfer.importStream(writer, bytes, asked);
  await using spooled = await spoolBody(bytes);
  // Awaited here: the file is gone when this scope ends.
  if (isZip) return await transfer.importZip(writer, spooled.path, asked);
  // `deduplicate` may stand behind the memories, and is needed before them.
  const deduplicate = asked.deduplicate || asksToDeduplicate(await spooled.ends(endBytes));
  return await transfer.importStream(writer, createReadStream(spooled.path), { ...asked, deduplicate });
}

/** Where a member beside the list can stand. */
const endBytes = 4_096;

/** Before the first bracket and behind the last, only the object's own members can be. */
function asksToDeduplicate({ first, last }: { readonly first: string; readonly last: string }): boolean {
  if (!first.trimStart().startsWith('{')) return false;
  const before = first.includes('[') ? first.slice(0, first.indexOf('[')) : '';
  return /"deduplicate"\s*:\s*true/.test(`${before} ${last.slice(last.lastIndexOf(']') + 1)}`);
}

async function* limited(body: Readable, onCut: () => void): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > transferLimits.fileBytes) throw new AppError('too_large');
      yield chunk;
    }
  } catch (error) {
    if (!isCut(error)) throw error;
    // Nobody is there to read an answer; as an error that nobody expected it would be logged as one of ours.
    onCut();
    throw new AppError('invalid_request', 'The upload was cut.');
  }
}

const isCut = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ECONNRESET';

async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnknownFormat)) throw error;
    throw new AppError('invalid_request', undefined, [{ path: 'format', message: 'the file is none of the known formats' }]);
  }
}

function registerExport(app: FastifyInstance, { transfer }: TransferRouteDeps): void {
  route(
    app,
    {
      method: 'GET',
      url: '/memories/export',
      summary: 'The memories as a file, which an import takes back',
      operationId: 'exportMemories',
      description:
        'Streamed, newest first. An import of any of the formats gives the same memories. The media type is that of `format`.',
      tag,
      auth: true,
      query: exportQuery,
      answers: { 200: { mediaTypes: Object.values(exportFiles).map(({ mediaType }) => mediaType.replace(/;.*/, '')) } },
      answerHeaders: { 'Content-Disposition': true },
    },
    ({ principal: { userId }, query: { format, deleted } }) => {
      const { mediaType, extension } = exportFiles[format];
      const headers = { 'content-type': mediaType, 'content-disposition': `attachment; filename="memories.${extension}"` };
      return {
        status: 200,
        headers,
        body: Readable.from(transfer.exportAll(userId, { format, withDeleted: deleted === true }), {
          objectMode: true,
          highWaterMark: 1,
        }),
      };
    },
  );
}
