import { openPostgres } from '../src/server/infra/postgres.ts';

/** As PostgreSQL tells it itself; null where there is no URL. */
export async function readPostgresVersion(url: string | undefined): Promise<string | null> {
  if (url === undefined) return null;
  const db = await openPostgres({ url, poolSize: 1 });
  try {
    const [row] = await db.query<{ version: string }>('select version() as version');
    return row?.version ?? null;
  } finally {
    await db.close();
  }
}
