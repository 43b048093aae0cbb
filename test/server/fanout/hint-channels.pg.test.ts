import { afterAll, beforeAll, describe } from 'vitest';
import { createPostgresHints } from '../../../src/server/fanout/postgres-hints.ts';
import { hintChannelContract } from '../../contract/hint-channel.ts';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';

describe('hints over PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase('postgresql', { isEmpty: true });
  });
  afterAll(() => database?.[Symbol.asyncDispose]());
  hintChannelContract(() => createPostgresHints({ random: Math.random }, database.place));
});
