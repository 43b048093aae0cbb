/** What a memory takes in PostgreSQL, table by table: docs/SCALING.md counts with it. */
import { setTimeout as wait } from 'node:timers/promises';
import { openPostgres } from '../../src/server/infra/postgres.ts';
import { type Benchmark, createFilledUser } from '../benchmark.ts';
import type { Figure } from '../report.ts';
import { summarize } from '../statistics.ts';

const users = 20;
const fullMemoriesPerUser = 1_000;

interface TableSize {
  readonly name: string;
  readonly heap: number;
  readonly indexes: number;
}

export const rowSizes: Benchmark = {
  name: 'row-sizes',
  async run({ engine, ours, cleanup, newStorage, sized }) {
    if (engine !== 'postgresql' || ours === null) return [];
    const { place, drop } = await newStorage();
    if (place.engine !== 'postgresql') return [];
    const server = await ours.start(cleanup, place);
    const memories = sized(fullMemoriesPerUser);
    for (let user = 0; user < users; user++) await createFilledUser(server, memories, user);
    const sizes = await readSizes(place.databaseUrl, users * memories);
    await server.stop();
    await drop();
    return sizes.flatMap(({ name, heap, indexes }) => [
      toFigure(`row-sizes: ${name}, table`, heap / (users * memories)),
      toFigure(`row-sizes: ${name}, indexes`, indexes / (users * memories)),
    ]);
  },
};

/** When every memory has its words and its vector, after a vacuum: tables that grow with the memories. */
async function readSizes(url: string, memories: number): Promise<readonly TableSize[]> {
  const db = await openPostgres({ url, poolSize: 1, statementTimeoutMs: 0 });
  const everybody = 'measures the whole store';
  try {
    for (let done = 0; done < memories; await wait(500)) {
      const [row] = await db.query<{ n: number }>({ text: 'select count(*) as n from memory_vectors', everybody });
      done = row?.n ?? 0;
    }
    await db.script('vacuum analyze');
    return await db.query<TableSize>(
      {
        text: `select c.relname::text as name, pg_table_size(c.oid) as heap,
          pg_indexes_size(c.oid) as indexes
        from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.reltuples >= $1::int
        order by 2 desc`,
        everybody,
      },
      [memories],
    );
  } finally {
    await db.close();
  }
}

function toFigure(name: string, bytes: number): Figure {
  return { name, unit: 'B/memory', ours: summarize([bytes]), baselineName: '', baseline: null, target: null };
}
