/**
 * What a database that is cut by user (Citus) asks of the schema and of every statement: docs/decisions/0014 has the list and
 * its sources. The statements are those that the suites of `.ci/fenced` sent, with GROUP_COMMIT=user.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModule } from 'libpg-query';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';
import { tablesOfUsers } from '../../support/fenced-database.ts';
import { factsOf, type StatementFacts } from '../../support/pinned-tables.ts';
import { type RecordedStatement, readRecorded } from '../../support/recorded-database.ts';
import { testMode } from '../../support/test-mode.ts';

const root = join(import.meta.dirname, '../../..');

/** Statements that see rows of several users. Each is outside of a transaction, and has a reason. */
const reasonByCrossing: Readonly<Record<string, string>> = {
  'poll-heads': 'asks for the heads of the users that listen here, by their keys: one read of many shards in each interval',
  'find-ended':
    'asks for the sessions of the sockets that are open here, by their keys: one read of many shards in each interval',
  'users-behind': 'finds who has something to do for recall, a page at a time, behind everything else',
  'recall-lag': 'counts who is behind in words and vectors, for whoever runs the server, when a scrape or `doctor` asks',
  'read-user-ids': 'walks the whole store, for whoever looks after it',
  'forget-attempts': 'throws away rows by their age alone, at an interval',
  'find-user-id': 'who somebody is, is the question: accounts is cut by e-mail',
};

/** Of them, those that are no reads: a deletion by age is the same in every shard, and may be done in some of them only. */
const deletesByAge: readonly string[] = ['forget-attempts'];

/** Files whose statements are not held to these rules. */
const reasonByFile: Readonly<Record<string, string>> = {
  'src/server/project/shadow-tables.ts':
    'compares one user with a temporary table of this node: `aibrain rebuild` is not for Citus yet',
};

/** Sent with GROUP_COMMIT=users alone: each has a statement about one user beside it. */
const ofManyUsers: readonly string[] = [
  'append',
  'append-single',
  'append-heads',
  'append-with-conflicts',
  'append-memories',
  'append-conflicts',
  'read-heads',
  'read-memories-to-write',
  'read-open-conflicts',
  'add-accesses',
  'read-memory-views-of-users',
];

/** In a modification Citus would run them once for each placement, and they differ. */
const volatileFunctions = ['now', 'random', 'gen_random_uuid', 'clock_timestamp', 'nextval', 'uuidv7', 'timeofday'];

let place: TestDatabase;
let tables: ReadonlySet<string>;
beforeAll(async () => {
  await loadModule();
  place = await testDatabase();
  tables = new Set(await tablesOfUsers(place.db));
});
afterAll(() => place[Symbol.asyncDispose]());

describe('[LOG-8] the schema', () => {
  it('[LOG-8] every primary key and every unique index has user_id in it, but that of accounts', async () => {
    const keys = await place.db.query<{ index: string; has_user: boolean }>(
      `select i.indexrelid::regclass::text as index, exists (select 1 from pg_attribute a
          where a.attrelid = i.indrelid and a.attnum = any(i.indkey::int2[]) and a.attname = 'user_id') as has_user
        from pg_index i join pg_class c on c.oid = i.indrelid
        where i.indisunique and c.relnamespace = 'public'::regnamespace order by 1`,
    );
    expect(keys.length).toBeGreaterThanOrEqual(17);
    // The key of accounts is what a login knows. schema_migrations is of no user, and stays as it is.
    expect(keys.filter((key) => !key.has_user).map(({ index }) => index)).toEqual(['accounts_pkey', 'schema_migrations_pkey']);
  });

  it('[LOG-8] every foreign key joins user_id to user_id', async () => {
    const keys = await place.db.query<{ name: string; columns: string[]; referred: string[] }>(
      `select k.conname::text as name,
          array(select a.attname::text from unnest(k.conkey) with ordinality u(n, o)
            join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n order by u.o) as columns,
          array(select a.attname::text from unnest(k.confkey) with ordinality u(n, o)
            join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n order by u.o) as referred
        from pg_constraint k where k.contype = 'f' and k.connamespace = 'public'::regnamespace`,
    );
    expect(keys.length).toBeGreaterThanOrEqual(6);
    for (const { name, columns, referred } of keys) {
      const at = columns.indexOf('user_id');
      expect(at, name).not.toBe(-1);
      expect(referred[at], name).toBe('user_id');
    }
  });

  it('[LOG-8] there is no trigger, rule, sequence, unlogged, inherited or generated table, which Citus refuses or has its own of', async () => {
    const found = await place.db.query(
      `select 'trigger' as what, tgname::text as name from pg_trigger where not tgisinternal
        union all select 'rule', rulename::text from pg_rules where schemaname = 'public'
        union all select 'sequence', relname::text from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace
        union all select 'unlogged', relname::text from pg_class
          where relkind = 'r' and relpersistence = 'u' and relnamespace = 'public'::regnamespace
        union all select 'inherited', inhrelid::regclass::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where c.relkind = 'r'
        union all select 'generated', attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid
          where c.relnamespace = 'public'::regnamespace and (a.attgenerated <> '' or a.attidentity <> '')`,
    );
    expect(found).toEqual([]);
  });
});

/** Of the named statements in the source. */
const writtenNames = (): readonly string[] =>
  filesIn(join(root, 'src/server')).flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/\bname: '([a-z-]+)',?\s+(?:everybody: .*\s+)?text:/g)].map(([, name = '']) => name),
  );

it('[house] a name of a statement is used once: a connection keeps it prepared, and refuses another text under it', () => {
  const names = writtenNames();
  expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
});

describe.skipIf(testMode.statementsDir === undefined)('[LOG-8] the statements', () => {
  let statements: readonly (RecordedStatement & { readonly facts: StatementFacts })[];
  beforeAll(() => {
    statements = readRecorded(testMode.statementsDir ?? '').map((statement) => ({
      ...statement,
      facts: factsOf(statement.text, tables),
    }));
  });

  it('[LOG-8] every named statement of the source was sent, or is of the other way', () => {
    const sent = new Set(statements.map(({ name }) => name));
    const written = writtenNames();
    expect(written.length).toBeGreaterThan(60);
    expect(written.filter((name) => !sent.has(name) && !ofManyUsers.includes(name)).sort()).toEqual([]);
  });

  it('[LOG-8] none of the other way is sent where each statement is about one user', () => {
    expect(statements.map(({ name = '' }) => name).filter((name) => ofManyUsers.includes(name))).toEqual([]);
  });

  it('[LOG-8] every table of a statement is held to one user, the same for all of them', () => {
    const loose = statements.filter(({ name = '', file, everybody, facts }) => {
      if (name in reasonByCrossing || everybody !== undefined || file in reasonByFile) return false;
      const users = new Set(facts.tables.map(({ user }) => user));
      return users.has(null) || users.size > 1;
    });
    expect(loose.map(describeLoose)).toEqual([]);
  });

  it('[LOG-8] what sees several users is on the list, and only reads or deletes by age', () => {
    for (const { name = '', file, text, everybody, facts } of statements) {
      if (everybody === undefined && !(name in reasonByCrossing)) continue;
      expect(
        facts.tables.filter(({ verb }) => verb !== (deletesByAge.includes(name) ? 'delete' : 'select')),
        text,
      ).toEqual([]);
      expect(name in reasonByCrossing || catalogueReaders.includes(file), `${file}: ${text}`).toBe(true);
    }
  });

  it('[LOG-8] no INSERT is inside of a WITH, and no modification calls a function that answers differently each time', () => {
    for (const { text, facts } of statements) {
      expect(
        facts.tables.filter(({ verb, isInWith }) => verb === 'insert' && isInWith),
        text,
      ).toEqual([]);
      if (facts.tables.every(({ verb }) => verb === 'select')) continue;
      expect(
        facts.functions.filter((name) => volatileFunctions.includes(name)),
        text,
      ).toEqual([]);
    }
  });
});

/** They ask the catalogue, of this node alone. */
const catalogueReaders: readonly string[] = ['src/server/infra/row-security.ts', 'src/server/project/vector-index.ts'];

describe('[LOG-8] the reader of statements', () => {
  const held = (text: string) => factsOf(text, tables).tables.map(({ table, user }) => [table, user]);

  it.each([
    ['select 1 from memories where user_id = $1::uuid', [['memories', '=$1']]],
    ['select 1 from memories where id = $1::uuid', [['memories', null]]],
    ['select 1 from memories where user_id = $1::uuid or id = $2', [['memories', null]]],
    [
      'select 1 from memories m join events e on e.user_id = m.user_id where m.user_id = $1',
      [
        ['memories', '=$1'],
        ['events', '=$1'],
      ],
    ],
    [
      'select 1 from memories m join events e on e.memory_id = m.id where m.user_id = $1',
      [
        ['memories', '=$1'],
        ['events', null],
      ],
    ],
    [
      'select 1 from memories m where m.user_id = $1 and exists (select 1 from users u where u.user_id = m.user_id)',
      [
        ['memories', '=$1'],
        ['users', '=$1'],
      ],
    ],
    [
      'select 1 from memories m where m.user_id = $1 and exists (select 1 from users u)',
      [
        ['memories', '=$1'],
        ['users', null],
      ],
    ],
    ['insert into memories (user_id, id) select $1::uuid, n.id from unnest($2::uuid[]) n(id)', [['memories', '=$1']]],
    ['insert into memories (user_id, id) select n.u, n.id from unnest($1::uuid[], $2::uuid[]) n(u, id)', [['memories', null]]],
    ['insert into "accounts" ("email", "user_id") values ($1, $2)', [['accounts', '=$2']]],
    ['select 1 from memories where user_id = any($1::uuid[])', [['memories', null]]],
  ])('[LOG-8] %s', (text, expected) => {
    expect(held(text)).toEqual(expected);
  });
});

function describeLoose({ name, file, text, facts }: RecordedStatement & { readonly facts: StatementFacts }): string {
  const tables = facts.tables.map(({ table, user }) => `${table} ${user ?? 'of anybody'}`).join(', ');
  return `${file} ${name ?? ''}: ${tables}: ${text.replaceAll(/\s+/g, ' ')}`;
}

function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
}
