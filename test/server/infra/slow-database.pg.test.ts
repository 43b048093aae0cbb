/** A database that is slow, or silent: requests are refused in bounded time, nothing is half written, and it passes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, DatabaseBusy, DatabaseUnavailable } from '../../../src/server/infra/database.ts';
import { openPostgres } from '../../../src/server/infra/postgres.ts';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';
import { send } from '../../support/http.ts';
import { openDirect, openFurther } from '../../support/open-postgres.ts';
import { type CuttableProxy, startProxy } from '../../support/proxy.ts';
import { startTestServer, type TestServer, type TestUser } from '../../support/server.ts';
import { testMode } from '../../support/test-mode.ts';

let place: TestDatabase;
let outside: Database;
beforeAll(async () => {
  place = await testDatabase('postgresql');
  outside = await openDirect(place);
});
afterAll(async () => {
  await outside.close();
  await place[Symbol.asyncDispose]();
});

/** Holds so many connections until it is told to let go. */
function holdConnections(
  db: Database,
  count: number,
): { readonly held: Promise<unknown>; readonly letGo: () => Promise<unknown> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const holds = Array.from({ length: count }, () => {
    let taken = (): void => {};
    const isTaken = new Promise<void>((resolve) => {
      taken = resolve;
    });
    const done = db.transaction(async (tx) => {
      await tx.query('select 1');
      taken();
      await opened;
    });
    return { isTaken, done };
  });
  const letGo = (): Promise<unknown> => {
    open();
    return Promise.all(holds.map(({ done }) => done));
  };
  return { held: Promise.all(holds.map(({ isTaken }) => isTaken)), letGo };
}

describe('the pool', () => {
  it('[DB-17] more than the limit do not wait, and those that do are answered', async () => {
    const db = await openFurther(place, { poolSize: 2, waitingLimit: 2 });
    const { held, letGo } = holdConnections(db, 2);
    await held;
    const waiting = [db.query('select 1 as n'), db.transaction((tx) => tx.query('select 2 as n'))];
    await expect(db.query('select 3 as n')).rejects.toThrow(DatabaseBusy);
    await expect(db.transaction(async () => 1)).rejects.toThrow(DatabaseBusy);
    await letGo();
    expect(await Promise.all(waiting)).toEqual([[{ n: 1 }], [{ n: 2 }]]);
    expect(await db.query('select 3 as n')).toEqual([{ n: 3 }]);
    await db.close();
  });

  it('[DB-17] who waits too long for a connection is told that there is none', async () => {
    const db = await openFurther(place, { poolSize: 1, connectTimeoutMs: 200 });
    const { held, letGo } = holdConnections(db, 1);
    await held;
    await expect(db.query('select 1')).rejects.toThrow(DatabaseUnavailable);
    await letGo();
    expect(await db.query('select 1 as n')).toEqual([{ n: 1 }]);
    await db.close();
  });
});

describe('a session that is never the same', () => {
  it('[DB-18] with a pooler each statement says its settings itself, and leaves none behind', async () => {
    const pooled = await openFurther(place, { poolSize: 1, pooler: 'transaction', statementTimeoutMs: 1_234 });
    const read = `select current_setting('statement_timeout') as timeout, current_setting('enable_seqscan') as scan,
      current_setting('plan_cache_mode') as plans, current_setting('jit') as jit`;
    const said = { timeout: '1234ms', scan: 'off', plans: 'force_generic_plan', jit: 'off' };
    expect(await pooled.query(read)).toEqual([said]);
    expect(await pooled.transaction((tx) => tx.query(read))).toEqual([said]);
    // A script is sent as it is, so it shows what the session has been left with.
    await pooled.script("create table if not exists left_over as select current_setting('enable_seqscan') as scan");
    expect(await pooled.query('select scan from left_over')).toEqual([{ scan: 'on' }]);
    await pooled.query({ name: 'named', text: 'select 1' });
    await pooled.script('drop table left_over; create table left_over as select count(*) as n from pg_prepared_statements');
    if (testMode.pooler !== 'transaction-prepared') expect(await pooled.query('select n from left_over')).toEqual([{ n: 0 }]);
    await pooled.script('drop table left_over');
    await pooled.close();
  });

  it('[DB-7] with a pooler a statement that runs too long is ended too', async () => {
    const hasty = await openFurther(place, { poolSize: 1, pooler: 'transaction', statementTimeoutMs: 50 });
    await expect(hasty.query('select pg_sleep(30)')).rejects.toMatchObject({ sqlState: '57014' });
    expect(await hasty.query('select 1 as one')).toEqual([{ one: 1 }]);
    await hasty.close();
  });
});

describe('a network that swallows', () => {
  let proxy: CuttableProxy;
  let db: Database;
  beforeAll(async () => {
    const url = new URL(place.directPlace ?? place.place);
    proxy = await startProxy({ host: url.hostname, port: Number(url.port) });
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    db = await openPostgres({ url: url.href, poolSize: 2, statementTimeoutMs: 100, connectTimeoutMs: 200 });
    await db.script('create table swallowed (id int)');
  });
  afterAll(async () => {
    await db.close();
    await proxy[Symbol.asyncDispose]();
  });

  it('[DB-19] a statement, a COPY and a transaction end, leave nothing, and the next ones work', {
    timeout: 30_000,
  }, async () => {
    const empty = Buffer.from('5047434f50590aff0d0a000000000000000000ffff', 'hex');
    const copying = db.transaction(async (tx) => {
      await tx.query('insert into swallowed values (1)');
      proxy.hold();
      await tx.copyIn('copy swallowed from stdin with (format binary)', empty);
    });
    await expect(copying).rejects.toThrow(DatabaseUnavailable);
    await expect(db.query('select 1')).rejects.toThrow(DatabaseUnavailable);
    proxy.letGo();
    for (let isBack = false; !isBack; )
      isBack = await db.query('select 1').then(
        () => true,
        () => false,
      );
    expect(await db.query('select id from swallowed')).toEqual([]);
  });
});

describe('a server before a slow database', () => {
  let db: Database;
  let server: TestServer;
  let user: TestUser;
  let slow: Database;
  beforeAll(async () => {
    const options = {
      poolSize: 4,
      waitingLimit: 4,
      connectTimeoutMs: 300,
      statementTimeoutMs: 300,
      rowSecurity: testMode.rowSecurity,
    };
    const own = await testDatabase('postgresql');
    // Past the pooler: it is our own pool that is used up here.
    db = await openDirect(own, options);
    server = await startTestServer({ database: { ...own, fenced: db } });
    user = await server.register();
    slow = await openDirect(own);
  });
  afterAll(async () => {
    await slow.close();
    await server[Symbol.asyncDispose]();
    await db.close();
  });

  const write = (id: string) =>
    send('POST', `${server.url}/api/v1/memories`, {
      token: user.token,
      body: { id, content: 'x', type: 'fact', scope: 'user_global' },
    });
  const eventsOf = async (): Promise<number> => {
    const rows = await slow.query('select seq from events where user_id = $1::uuid', [user.user.id]);
    return rows.length;
  };

  it('[DB-7] a write that waits for a lock is refused as overloaded, wrote nothing, and can be sent again', async () => {
    const id = crypto.randomUUID();
    await slow.transaction(async (tx) => {
      await tx.query('select 1 from user_heads where user_id = $1::uuid for update', [user.user.id]);
      const refused = await write(id);
      expect(refused.status).toBe(503);
      expect(refused.body).toMatchObject({ code: 'overloaded' });
      expect(refused.headers.get('retry-after')).toBe('1');
    });
    expect(await eventsOf()).toBe(0);
    expect((await write(id)).status).toBe(201);
    expect(await eventsOf()).toBe(1);
  });

  it('[DB-17] while every connection is taken requests are refused, and served again without a restart', async () => {
    const before = await eventsOf();
    const { held, letGo } = holdConnections(db, 4);
    await held;
    const answers = await Promise.all(Array.from({ length: 12 }, () => write(crypto.randomUUID())));
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    const codes = answers.map(({ body }) => (body as { readonly code: string }).code);
    // Writes that wait together are refused together; which of the two it is depends on how many groups there were.
    expect(['overloaded', 'unavailable']).toEqual(expect.arrayContaining([...new Set(codes)]));
    await letGo();
    expect(await eventsOf()).toBe(before);
    expect((await write(crypto.randomUUID())).status).toBe(201);
  });
});
