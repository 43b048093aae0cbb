/** `npm run fuzz:api -- --runs 1000 [--seed N] [--path P] [--no-shrink]`: the test of API-3 with requests of one's own choice. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string' },
    path: { type: 'string' },
    'no-shrink': { type: 'boolean' },
  },
});
const vitest = join(process.cwd(), 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/api/fuzz.test.ts'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    FUZZ_RUNS: values.runs,
    FUZZ_SEED: values.seed ?? '',
    FUZZ_PATH: values.path ?? '',
    FUZZ_SHRINK: values['no-shrink'] === true ? 'off' : '',
  },
});
process.exitCode = status ?? 1;
