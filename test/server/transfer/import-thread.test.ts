/** The thread for imports as the server's thread sees it, also one that breaks. */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { serverDeviceId, type UserId } from '../../../src/core/ids.ts';
import { createImportThread } from '../../../src/server/transfer/import-thread.ts';

const writer = { userId: '00000000-0000-7000-8000-000000000001' as UserId, device: { ordinal: 0, id: serverDeviceId } };
const request = { format: null, deduplicate: false, ingest: false };
const report = { imported: 0, updated: 0, skipped: 0, skippedBecause: {}, failed: [], failedCount: 0 };

/** Counts the bytes of each import, and reports them as imported. */
const counting = `
  const { parentPort } = require('node:worker_threads');
  const bytes = new Map();
  parentPort.on('message', ({ kind, id, bytes: chunk }) => {
    if (kind === 'import') bytes.set(id, 0);
    if (kind === 'chunk') { bytes.set(id, bytes.get(id) + chunk.length); parentPort.postMessage({ kind: 'taken', id }); }
    if (kind === 'end') parentPort.postMessage({ kind: 'done', id, report: { ...${JSON.stringify(report)}, imported: bytes.get(id) } });
    if (kind === 'broken') parentPort.postMessage({ kind: 'failed', id, failure: { kind: 'fault', error: new Error('broken') } });
    if (kind === 'stop') process.exit();
  });`;

const start = (code: string): Worker => new Worker(code, { eval: true });

async function* chunks(count: number, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(size);
}

it('[SYN-10] a thread that ends answers its imports as unavailable, and the next import starts another', async () => {
  const codes = ['process.exit(1)', counting];
  const errors: unknown[] = [];
  const thread = createImportThread({
    start: () => start(codes.shift() ?? counting),
    onCommitted: () => {},
    onTally: () => {},
    onError: (error) => errors.push(error),
  });
  await expect(thread.importStream(writer, chunks(100), request)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await thread.importStream(writer, chunks(3), request)).toMatchObject({ imported: 3 * 65_536 });
  await thread.stop();
  expect(codes).toEqual([]);
});

it('[SYN-8] no more than a few chunks are under way, however long the file, and files at once do not mix', async () => {
  let given = 0;
  let taken = 0;
  let most = 0;
  const thread = createImportThread({
    start: () => {
      const worker = start(counting);
      worker.on('message', ({ kind }) => {
        if (kind === 'taken') taken++;
      });
      return worker;
    },
    onCommitted: () => {},
    onTally: () => {},
    onError: () => {},
  });
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks(200)) {
      given++;
      most = Math.max(most, given - taken);
      yield chunk;
    }
  }
  const [one, other] = await Promise.all([
    thread.importStream(writer, counted(), request),
    thread.importStream(writer, chunks(5, 7), request),
  ]);
  expect([one.imported, other.imported]).toEqual([200 * 65_536, 35]);
  expect(most).toBeLessThanOrEqual(16);
  await thread.stop();
});

it('[SEC-2] a source that breaks fails with its own error, after the thread is done with what it read', async () => {
  const thread = createImportThread({
    start: () => start(counting),
    onCommitted: () => {},
    onTally: () => {},
    onError: () => {},
  });
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* chunks(2);
    throw new RangeError('cut');
  }
  await expect(thread.importStream(writer, broken(), request)).rejects.toThrow(RangeError);
  await thread.stop();
});
