/**
 * The tables as Citus cuts them (docs/SCALING.md): every table by user_id, all rows of a user on one node. `accounts` is asked by
 * e-mail, before anybody knows the user, so it is cut by that; `schema_migrations` stays where it is.
 * https://docs.citusdata.com/en/stable/develop/api_udf.html#create-distributed-table
 */
import type { Database, Queryable } from './database.ts';

/** The database has no function that distributes tables. */
export class NoCitus extends Error {
  override readonly name = 'NoCitus';

  constructor() {
    super('the database has no Citus: create extension citus, on every node, and begin again');
  }
}

export interface Distribution {
  readonly table: string;
  readonly column: string;
  /** The table whose shards lie beside its own; `none`: it lies alone. */
  readonly colocateWith: string;
}

/** Every other table lies beside this one. */
const firstTable = 'users';
const everybody = 'reads and changes the catalogue';

/** What refers to another table comes after it: until then its foreign key would lead from one node to many. */
export async function planDistribution(db: Queryable): Promise<readonly Distribution[]> {
  const tables = await db.query<{ name: string }>({ text: tablesOfUsers, everybody });
  const references = await db.query<{ table: string; referred: string }>({ text: foreignKeys, everybody });
  const done = new Set<string>();
  const place = (name: string): void => {
    if (done.has(name)) return;
    for (const { table, referred } of references) if (table === name && referred !== name) place(referred);
    done.add(name);
  };
  for (const name of [firstTable, ...tables.map((table) => table.name)]) if (name !== 'accounts') place(name);
  const byUser = Array.from(done, (table) => ({
    table,
    column: 'user_id',
    colocateWith: table === firstTable ? 'none' : firstTable,
  }));
  return [...byUser, { table: 'accounts', column: 'email', colocateWith: 'none' }];
}

/** Tables that are distributed already are left as they are. @returns those that were not. @throws NoCitus */
export async function distribute(db: Database): Promise<readonly Distribution[]> {
  const [citus] = await db.query<{ is_there: boolean }>({
    text: "select to_regproc('create_distributed_table') is not null as is_there",
    everybody,
  });
  if (citus?.is_there !== true) throw new NoCitus();
  const known = await db.query<{ name: string }>({
    text: 'select c.relname::text as name from pg_dist_partition p join pg_class c on c.oid = p.logicalrelid',
    everybody,
  });
  const isKnown = new Set(known.map(({ name }) => name));
  const plan = (await planDistribution(db)).filter(({ table }) => !isKnown.has(table));
  // Each is a transaction of its own: a step that fails leaves the earlier ones, and the next run goes on from there.
  for (const { table, column, colocateWith } of plan) {
    await db.query({ text: distributeOne, everybody }, [table, column, colocateWith]);
  }
  return plan;
}

const distributeOne = 'select create_distributed_table($1::text::regclass, $2::text, colocate_with => $3::text)';

const tablesOfUsers = `select c.relname::text as name
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
  where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace order by 1`;

const foreignKeys = `select t.relname::text as "table", r.relname::text as referred
  from pg_constraint k join pg_class t on t.oid = k.conrelid join pg_class r on r.oid = k.confrelid
  where k.contype = 'f' and k.connamespace = current_schema()::regnamespace order by 1, 2`;
