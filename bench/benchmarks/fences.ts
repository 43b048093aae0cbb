/** What the second fence costs, and one user per statement: our server with the setting against our server without it. */
import { randomUUID } from 'node:crypto';
import { type BenchContext, type Benchmark, createFilledUser } from '../benchmark.ts';
import { createMemories } from '../memory-generator.ts';
import type { Settings } from '../place.ts';
import type { Figure } from '../report.ts';
import { call, type OurServer, type OurUser } from '../server-under-test.ts';
import { alternate, quantile, type Summary, summarize } from '../statistics.ts';
import { measureManyWriters } from './users.ts';

export const rowSecurity: Benchmark = settingAgainstNone('row-security', { ROW_LEVEL_SECURITY: 'on' });
export const oneUser: Benchmark = settingAgainstNone('one-user', { GROUP_COMMIT: 'user' });

const fullOpsPerUser = 400;
const fullMemories = 2_000;
const readsOfARound = 200;

function settingAgainstNone(name: string, settings: Settings): Benchmark {
  return {
    name,
    run: async (context) => {
      if (context.engine !== 'postgresql' || context.ours === null) return [];
      const [withIt, without] = [await startWith(context, settings), await startWith(context, {})];
      const writes = await alternate(context.rounds, {
        ours: (round) => measureManyWriters(withIt.server, context.sized(fullOpsPerUser), round),
        off: (round) => measureManyWriters(without.server, context.sized(fullOpsPerUser), round),
      });
      const readers = { ours: await openReader(context, withIt.server), off: await openReader(context, without.server) };
      const reads = await alternate(context.rounds, { ours: () => readers.ours(), off: () => readers.off() });
      await withIt.end();
      await without.end();
      return [
        toFigure(`${name}: appends of 64 users`, '/s', writes['ours'], writes['off']),
        ...readKinds.map((kind) => {
          const column = (of: string): number[] => (reads[of] ?? []).map((result) => result[kind]);
          return toFigure(`${name}: ${kind}`, 'ms', column('ours'), column('off'));
        }),
      ];
    },
  };
}

const readKinds = ['get one', 'list 50', 'search'] as const;
/** p50 of each, ms. */
type Reads = Readonly<Record<(typeof readKinds)[number], number>>;

interface Running {
  readonly server: OurServer;
  end(): Promise<void>;
}

async function startWith({ ours, cleanup, newStorage }: BenchContext, settings: Settings): Promise<Running> {
  const { place, drop } = await newStorage();
  if (ours === null || place.engine !== 'postgresql') throw new Error('our server on PostgreSQL is what is compared');
  const server = await ours.start(cleanup, { ...place, settings });
  return {
    server,
    async end() {
      await server.stop();
      await drop();
    },
  };
}

/** @returns a round of reads of one caller, one after the other. */
async function openReader(context: BenchContext, server: OurServer): Promise<() => Promise<Reads>> {
  const count = context.sized(fullMemories);
  const { user } = await createFilledUser<OurUser>(server, count, 1);
  const ids = createMemories(count, 1).map((op) => op.memoryId);
  const headers = { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' };
  const get = (path: string) => call(`${server.url}/api/v1${path}`, { headers });
  const search = (query: string) =>
    call(`${server.url}/api/v1/memories/search`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  return async () => ({
    'get one': await p50((index) => get(`/memories/${ids[(index * 7) % ids.length]}`)),
    'list 50': await p50(() => get('/memories?limit=50')),
    search: await p50((index) => search(questions[index % questions.length] ?? randomUUID())),
  });
}

const questions = ['favourite coffee', 'meeting on Monday', 'the project in Bern', 'what does she like to read', 'invoice'];

async function p50(read: (index: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < readsOfARound; index++) {
    const start = performance.now();
    await read(index);
    times.push(performance.now() - start);
  }
  return quantile(times, 0.5);
}

function toFigure(name: string, unit: string, ours: readonly number[] = [], off: readonly number[] = []): Figure {
  const summary = (values: readonly number[]): Summary => summarize([...values]);
  return { name, unit, ours: summary(ours), baselineName: 'without', baseline: summary(off), target: null };
}
