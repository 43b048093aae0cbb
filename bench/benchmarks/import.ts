/**
 * A file of memories over HTTP, beside a bare COPY of the very rows that it became (events and memories, the same columns and
 * indexes); the server's bytes, and what another user's reads and searches cost meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { PushedOp } from '../../src/protocol/frames.ts';
import { migrate } from '../../src/server/infra/migrate.ts';
import type { BenchContext, Benchmark } from '../benchmark.ts';
import { createFilledUser } from '../benchmark.ts';
import { copyRowsOf } from '../copied-rows.ts';
import { createMemories } from '../memory-generator.ts';
import { openPlace } from '../place.ts';
import type { Figure } from '../report.ts';
import { idleMegabytes, peakMegabytes } from '../resident-bytes.ts';
import type { OurUser } from '../server-under-test.ts';
import { quantile, summarize } from '../statistics.ts';

const fullMemories = 100_000;
const otherMemories = 1_000;
const questions = ['short answers in the morning', 'which project is late', 'where does she live', 'tea or coffee'] as const;

export const importing: Benchmark = {
  name: 'import',
  async run(context) {
    const { ours, rounds } = context;
    if (ours === null) return [];
    const count = context.sized(fullMemories);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) measured.push(await measure(context, ours, count, round));
    const of = (name: keyof Round) => summarize(measured.map((round) => round[name]));
    const figure = (name: string, unit: string, rest: Pick<Figure, 'ours' | 'baselineName' | 'baseline' | 'target'>): Figure => ({
      name: `import ${count}${name}`,
      unit,
      ...rest,
    });
    return [
      figure('', '/s', {
        ours: of('rate'),
        baselineName: 'copy',
        baseline: of('copyRate'),
        target: { of: 'ratio', atLeast: 0.2 },
      }),
      figure(', RSS growth', 'MB', { ours: of('growth'), baselineName: '', baseline: null, target: { of: 'ours', atMost: 150 } }),
      figure(', reads of others p95', 'ms', {
        ours: of('busyP95'),
        baselineName: 'idle',
        baseline: of('idleP95'),
        target: { of: 'ratio', atMost: 2 },
      }),
      figure(', searches of others p95', 'ms', {
        ours: of('busySearchP95'),
        baselineName: 'idle',
        baseline: of('idleSearchP95'),
        target: { of: 'ratio', atMost: 2 },
      }),
    ];
  },
};

type Ours = NonNullable<BenchContext['ours']>;

interface Round {
  readonly rate: number;
  readonly copyRate: number;
  readonly growth: number;
  readonly idleP95: number;
  readonly busyP95: number;
  readonly idleSearchP95: number;
  readonly busySearchP95: number;
}

/** What one user asked, ms each. */
interface Asked {
  readonly reads: readonly number[];
  readonly searches: readonly number[];
}

async function measure(context: BenchContext, ours: Ours, count: number, seed: number): Promise<Round> {
  const lines = createMemories(count, seed).map(toLine);
  const alone = await measureAlone(context, ours, lines, seed);
  const { idle, busy, growth } = await measureWithOthers(context, ours, lines, seed);
  return {
    ...alone,
    growth,
    idleP95: quantile(idle.reads, 0.95),
    busyP95: quantile(busy.reads, 0.95),
    idleSearchP95: quantile(idle.searches, 0.95),
    busySearchP95: quantile(busy.searches, 0.95),
  };
}

/** The file, and then the COPY of what it became: of both nothing else is asked meanwhile. */
async function measureAlone(context: BenchContext, ours: Ours, lines: readonly string[], seed: number) {
  const storage = await context.newStorage();
  const server = await ours.start(context.cleanup, storage.place);
  const user = await server.register(randomUUID());
  await warmUp(server.url, user, seed);
  const start = performance.now();
  await sendFile(server.url, user, lines);
  const ms = performance.now() - start;
  await server.stop();
  const copyMs = await copyBare(context, storage.place, lines.length);
  await storage.drop();
  return { rate: (lines.length / ms) * 1_000, copyRate: (lines.length / copyMs) * 1_000 };
}

async function measureWithOthers(context: BenchContext, ours: Ours, lines: readonly string[], seed: number) {
  const storage = await context.newStorage();
  const server = await ours.start(context.cleanup, storage.place);
  const user = await server.register(randomUUID());
  const { user: other } = await createFilledUser(server, otherMemories, seed + 1);
  await warmUp(server.url, user, seed);
  // Searches find what their first one indexes.
  await other.search(questions[0]);
  const idle = await askFor(other, async () => new Promise((resolve) => setTimeout(resolve, 3_000)));
  const before = await idleMegabytes(server.pid, 500);
  let busy: Asked = idle;
  const peak = await peakMegabytes(server.pid, async () => {
    busy = await askFor(other, () => sendFile(server.url, user, lines));
  });
  await server.stop();
  await storage.drop();
  return { idle, busy, growth: peak - before };
}

/** The first calls compile what they run. */
const warmUp = (url: string, user: OurUser, seed: number): Promise<void> =>
  sendFile(url, user, createMemories(1_000, seed + 2).map(toLine));

async function copyBare(context: BenchContext, from: Parameters<typeof openPlace>[0], count: number): Promise<number> {
  const storage = await context.newStorage();
  const [source, target] = [await openPlace(from), await openPlace(storage.place)];
  try {
    await migrate(target, join(import.meta.dirname, '../../../migrations'));
    return await copyRowsOf(source, target, count);
  } finally {
    await source.close();
    await target.close();
    await storage.drop();
  }
}

/** One read and one search after the other, until `work` is done. */
async function askFor(user: OurUser, work: () => Promise<void>): Promise<Asked> {
  const reads: number[] = [];
  const searches: number[] = [];
  let isDone = false;
  const working = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    const start = performance.now();
    await user.listMemories(50);
    const read = performance.now();
    await user.search(questions[reads.length % questions.length] ?? questions[0]);
    reads.push(read - start);
    searches.push(performance.now() - read);
  }
  await working;
  return { reads, searches };
}

async function sendFile(url: string, user: OurUser, lines: readonly string[]): Promise<void> {
  const pieces = Array.from({ length: Math.ceil(lines.length / 200) }, (_, index) =>
    Buffer.from(lines.slice(200 * index, 200 * (index + 1)).join('')),
  );
  const response = await fetch(`${url}/api/v1/memories/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/x-ndjson' },
    body: Readable.toWeb(Readable.from(pieces)) as ReadableStream<Uint8Array>,
    duplex: 'half',
  } as RequestInit);
  const report = (await response.json()) as { readonly imported?: number };
  if (report.imported !== lines.length) throw new Error(`imported ${JSON.stringify(report).slice(0, 500)}`);
}

function toLine({ memoryId, hlc, change }: PushedOp): string {
  const tags = change.writes.flatMap(({ register }) => (register.startsWith('tags/') ? [register.slice(5)] : []));
  const fields = Object.fromEntries(
    change.writes.filter(({ register }) => !register.startsWith('tags/')).map(({ register, value }) => [register, value]),
  );
  const at = new Date(hlc.ms).toISOString();
  return `${JSON.stringify({ id: memoryId, ...fields, tags, createdAt: at, updatedAt: at })}\n`;
}
