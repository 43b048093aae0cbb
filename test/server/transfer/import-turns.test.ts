import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { DeviceId, MemoryId, UserId } from '../../../src/core/ids.ts';
import type { Database } from '../../../src/server/infra/database.ts';
import { type ImportDeps, importRecords, recordsPerTurn } from '../../../src/server/transfer/import-records.ts';
import type { Item } from '../../../src/server/transfer/item.ts';
import { newMemoryId } from '../../support/append.ts';

it('[SEC-16] an import that never waits for anything still lets others have their turn, every few records', async () => {
  let inTurn = 0;
  let most = 0;
  const records: readonly Item[] = Array.from({ length: 5_000 }, (_, index) => ({
    deleted: true,
    index,
    place: `line ${index}`,
  }));
  /** Counts what is taken of it. */
  const piece = (from: number, to: number): readonly Item[] =>
    Object.assign(records.slice(from, to), {
      *[Symbol.iterator]() {
        for (const record of records.slice(from, to).values()) {
          inTurn++;
          most = Math.max(most, inTurn);
          yield record;
        }
      },
    });
  /** As a file is read: now one, now many at a time. */
  async function* pieces(): AsyncGenerator<readonly Item[]> {
    for (let at = 0; at < 1_000; at++) yield piece(at, at + 1);
    for (let at = 1_000; at < 5_000; at += 500) yield piece(at, at + 500);
  }
  const nobody = (): never => {
    throw new Error('an import of deleted records writes nothing');
  };
  const deps: ImportDeps = {
    db: {} as Database,
    append: { submit: nobody, room: nobody },
    newId: (): MemoryId => newMemoryId(),
    now: () => 0,
    keepEmbeddings: async () => undefined,
    async breathe() {
      inTurn = 0;
      await setImmediate();
    },
  };
  const writer = { userId: newMemoryId() as string as UserId, device: newMemoryId() as string as DeviceId };
  const report = await importRecords(deps, writer as unknown as Parameters<typeof importRecords>[1], pieces(), {
    deduplicate: false,
    ingest: null,
  });
  expect(report).toMatchObject({ skipped: 5_000, skippedBecause: { deleted: 5_000 } });
  expect(most).toBeLessThanOrEqual(recordsPerTurn);
});
