/** In which of the ways of running a server the suites run this time; `npm run test:pgbouncer` and `test:fenced` say others than usual. */
import type { Pooler } from '../../src/server/infra/postgres-session.ts';

const env = process.env;

export const testMode = {
  pooler: (env['TEST_DATABASE_POOLER'] ?? 'none') as Pooler,
  directUrl: env['TEST_DATABASE_DIRECT_URL'],
  rowSecurity: env['TEST_ROW_LEVEL_SECURITY'] === 'on',
  oneUser: env['TEST_GROUP_COMMIT'] === 'user',
  /** Where each statement of src/ that a suite sends is written down; nowhere without it. */
  statementsDir: env['TEST_STATEMENTS_DIR'],
  /** Settings of every server that a test starts. */
  env: {
    ...(env['TEST_ROW_LEVEL_SECURITY'] === 'on' && { ROW_LEVEL_SECURITY: 'on' }),
    ...(env['TEST_GROUP_COMMIT'] === 'user' && { GROUP_COMMIT: 'user' }),
  },
} as const;
