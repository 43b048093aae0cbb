/**
 * The suffix says what a test needs: `*.test.ts` nothing, `*.pg.test.ts` PostgreSQL (TEST_DATABASE_URL), `*.redis.test.ts`
 * Redis (TEST_REDIS_URL), `*.browser.test.ts` Chromium (AIBRAIN_CHROMIUM, or where Debian puts it), `*.packaging.test.ts` time,
 * root and Linux (TEST_PACKAGING, which `npm run test:packaging` sets). What cannot run here is left out.
 */
import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const hasBySuffix = {
  pg: Boolean(process.env['TEST_DATABASE_URL']),
  redis: Boolean(process.env['TEST_REDIS_URL']),
  browser: existsSync(process.env['AIBRAIN_CHROMIUM'] || '/usr/bin/chromium'),
  packaging: Boolean(process.env['TEST_PACKAGING']),
};

const missing = Object.entries(hasBySuffix).filter(([, has]) => !has);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: missing.map(([suffix]) => `test/**/*.${suffix}.test.ts`),
    // A file has a process of its own: databases, workers and module state of one never reach the next.
    pool: 'forks',
    // Each may run a PostgreSQL of its own in the process, about 300 MB.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A test that passes the second time has failed.
    retry: 0,
  },
});
