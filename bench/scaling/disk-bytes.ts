import { openPlace, type Place } from '../place.ts';

/** All tables with their indexes, in MB. On PGlite no server may have the place open. */
export async function diskMegabytes(place: Place): Promise<number> {
  const db = await openPlace(place);
  try {
    const [row] = await db.query<{ bytes: number | string }>(
      `select sum(pg_total_relation_size(c.oid))::bigint as bytes from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p')`,
    );
    return Number(row?.bytes) / 1_000_000;
  } finally {
    await db.close();
  }
}
