import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freeBytes, missingParts } from '../../../src/server/infra/readiness.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

describeOnEachEngine('what is missing', (open) => {
  let place: TestDatabase;
  let schema: number;
  beforeAll(async () => {
    place = await open();
    const [row] = await place.db.query<{ version: number }>('select max(version) as version from schema_migrations');
    schema = row?.version ?? 0;
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  it('nothing, when all is well', async () => {
    expect(await missingParts(place.db, schema)).toEqual([]);
    expect(await missingParts(place.db, schema, tmpdir())).toEqual([]);
  });

  it('names a schema that is older or newer than this server', async () => {
    for (const version of [schema - 1, schema + 1]) {
      const parts = await missingParts(place.db, version);
      expect(parts).toEqual([{ part: 'migrations', message: expect.stringContaining(String(version)) }]);
    }
  });

  it('names a database that takes no writes', async () => {
    const readOnly = {
      ...place.db,
      query: <Row>(...given: Parameters<TestDatabase['db']['query']>): Promise<readonly Row[]> =>
        place.db.transaction(async (tx) => {
          await tx.query('set local default_transaction_read_only = on');
          return tx.query<Row>(...given);
        }),
    };
    expect(await missingParts(readOnly, schema)).toEqual([{ part: 'database', message: expect.stringContaining('read-only') }]);
  });

  it('names a disk that cannot be looked at, beside what else is missing', async () => {
    const parts = await missingParts(place.db, schema + 1, '/no/such/folder');
    expect(parts.map(({ part }) => part).sort()).toEqual(['disk', 'migrations']);
  });
});

it('free bytes are some of those of the disk', async () => {
  const { blocks, bsize } = await statfs(tmpdir());
  const free = await freeBytes(tmpdir());
  expect(free).toBeGreaterThan(0);
  expect(free).toBeLessThanOrEqual(blocks * bsize);
});
