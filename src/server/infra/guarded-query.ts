/**
 * A query of pg with a guard before it: Parse, Bind and Execute of both, then one Sync. What comes between two Syncs is one
 * transaction (https://www.postgresql.org/docs/17/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY), so settings that are local to it
 * hold for the query and for nothing after it, at the price of no further round trip.
 */
import pg from 'pg';
import type { Guard } from './session-guard.ts';

export interface GuardedConfig extends pg.QueryConfig {
  /** How long this process waits for the answer, in ms. */
  readonly query_timeout: number;
  readonly queryMode?: 'extended';
  /** Whether the connection keeps prepared statements. */
  readonly keepsGuard: boolean;
}

/** What pg's connection offers, beside what its types say. */
interface ExtendedProtocol {
  readonly stream: { cork(): void; uncork(): void };
  parse(message: { readonly text: string; readonly name: string }): void;
  bind(message: { readonly values: readonly string[]; readonly statement: string }): void;
  execute(message: object): void;
}

type Done = (error: Error | null, result: pg.QueryResult | pg.QueryResult[]) => void;

/** Guards that a connection keeps prepared. They are not in pg's own book: the answer to their Parse would count as another's. */
const preparedByClient = new WeakMap<pg.ClientBase, Set<string>>();

export async function queryGuarded(client: pg.ClientBase, guard: Guard, config: GuardedConfig): Promise<pg.QueryResult> {
  // With a pooler that forgets statements nothing has a name.
  const isKept = config.keepsGuard;
  if (isKept) await prepareOnce(client, guard);
  return await submitBoth(client, guard, isKept, config);
}

async function prepareOnce(client: pg.ClientBase, guard: Guard): Promise<void> {
  const prepared = preparedByClient.get(client) ?? new Set();
  preparedByClient.set(client, prepared);
  if (prepared.has(guard.name)) return;
  await client.query({ name: guard.name, text: guard.text, values: [...guard.values] });
  prepared.add(guard.name);
}

function submitBoth(client: pg.ClientBase, guard: Guard, isKept: boolean, config: GuardedConfig): Promise<pg.QueryResult> {
  return new Promise((resolve, reject) => {
    const callback: Done = (error, result) => (error === null ? resolve(lastOf(result)) : reject(error));
    const query = new pg.Query({ ...config, callback } as pg.QueryConfig);
    // pg reads its time limit from what it is given to run.
    Object.assign(query, { query_timeout: config.query_timeout });
    const submit = query.submit.bind(query);
    query.submit = (connection) => {
      const protocol = connection as unknown as ExtendedProtocol;
      protocol.stream.cork();
      try {
        if (!isKept) protocol.parse({ text: guard.text, name: '' });
        protocol.bind({ statement: isKept ? guard.name : '', values: guard.values });
        protocol.execute({});
        return submit(connection);
      } finally {
        protocol.stream.uncork();
      }
    };
    client.query(query);
  });
}

/** The guard's own result, without rows, comes first. */
function lastOf(result: pg.QueryResult | pg.QueryResult[]): pg.QueryResult {
  const last = Array.isArray(result) ? result.at(-1) : result;
  if (last === undefined) throw new Error('a query ended without a result');
  return last;
}
