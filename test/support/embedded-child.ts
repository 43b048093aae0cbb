/**
 * A process of its own with an embedded database, for what can only be seen from outside: `embedded-child <dataDir> <rows>`.
 * Writes `ack <n>` to standard error after each commit, and stays.
 */
import { writeSync } from 'node:fs';
import { openEmbedded } from '../../src/server/infra/embedded.ts';

const [dataDir = '', rows = '0'] = process.argv.slice(2);
try {
  const db = await openEmbedded({ dataDir });
  await db.script('create table if not exists rows (id int primary key)');
  writeSync(2, 'open\n');
  for (let id = 1; id <= Number(rows); id += 1) {
    if (id % 2 === 0) await db.query('insert into rows values ($1::int)', [id]);
    else await db.transaction((tx) => tx.query('insert into rows values ($1::int)', [id]));
    writeSync(2, `ack ${id}\n`);
  }
  process.stdin.resume();
} catch (error) {
  writeSync(2, `${error}\n`);
  process.exitCode = 1;
}
