/** PGlite as a database server would run it: fsync on, checkpoints taken, one unit of work at a time, dead after a panic. */
import { messages, PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { vector } from '@electric-sql/pglite-pgvector';
import { DatabaseError, DatabaseUnavailable } from './database.ts';
import { DurableNodeFs } from './embedded-fs.ts';
import { valueParserByOid } from './sql-values.ts';

/** A single-user PostgreSQL takes no checkpoint of its own, so its log would grow for ever. In segments of 1 MB. */
const segmentsPerCheckpoint = 64;

const startParams = [
  ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
  '-c',
  'wal_sync_method=fsync',
  '-c',
  'enable_seqscan=off',
];

const byteaOid = 17;
// PGlite's own goes byte by byte.
const serializers = {
  [byteaOid]: (value: Uint8Array) => `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`,
};

/** The last fatal line of PostgreSQL's log. */
interface LastWords {
  text: string;
}

/** PGlite swallows an abort and calls on into what is left of PostgreSQL, which may then never return. */
class GuardedPGlite extends PGlite {
  override execProtocolRawSync(message: Uint8Array): Uint8Array {
    if (this.fs instanceof DurableNodeFs && this.fs.aborted !== undefined) throw new Error('PostgreSQL has aborted');
    return super.execProtocolRawSync(message);
  }
}

export class EmbeddedEngine {
  readonly #pg: PGlite;
  readonly #fs: DurableNodeFs;
  readonly #lastWords: LastWords;
  readonly #onBroken: (error: DatabaseUnavailable) => void;
  #lane: Promise<unknown> = Promise.resolve();
  #segmentsSinceCheckpoint = 0;
  #ended: DatabaseUnavailable | undefined;

  private constructor(pg: PGlite, fs: DurableNodeFs, lastWords: LastWords, onBroken: (error: DatabaseUnavailable) => void) {
    this.#pg = pg;
    this.#fs = fs;
    this.#lastWords = lastWords;
    this.#onBroken = onBroken;
  }

  static async open(folder: string, onBroken: (error: DatabaseUnavailable) => void): Promise<EmbeddedEngine> {
    const fs = new DurableNodeFs(folder);
    const lastWords: LastWords = { text: '' };
    try {
      const onStderr = (line: string): boolean => {
        if (/FATAL|PANIC/.test(line)) lastWords.text = line.replace(/^.*?(?=FATAL|PANIC)/, '');
        return false; // not printed: PostgreSQL's log has statements in it
      };
      const pg = new GuardedPGlite({ fs, startParams, extensions: { btree_gin, vector }, serializers, onStderr });
      await pg.waitReady;
      // Array parsers are made by PGlite while it opens, so ours come after.
      for (const [oid, parse] of valueParserByOid) pg.parsers[oid] = parse;
      return new EmbeddedEngine(pg, fs, lastWords, onBroken);
    } catch (error) {
      throw new Error(`PGlite cannot open ${folder}: ${lastWords.text || error}`, { cause: error });
    }
  }

  /** Runs units of work one after another: a statement, a script, a whole transaction. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lane.then(async () => {
      this.assertAlive();
      return await work();
    });
    this.#lane = result.then(
      () => this.#checkpointWhenDue(),
      () => {},
    );
    return result;
  }

  /** One call into PGlite, its failure in our words. Only inside `exclusive`. */
  async call<T>(use: (pg: PGlite) => Promise<T>): Promise<T> {
    this.assertAlive();
    try {
      return await use(this.#pg);
    } catch (error) {
      throw this.#toFailure(error);
    }
  }

  assertAlive(): void {
    if (this.#ended !== undefined) throw new DatabaseUnavailable(this.#ended.message);
  }

  async close(): Promise<void> {
    const isBroken = this.#ended !== undefined;
    if (!isBroken) await this.exclusive(() => this.#shutDown());
  }

  /** Takes a checkpoint, so that the next start has nothing to recover. */
  async #shutDown(): Promise<void> {
    this.#ended = new DatabaseUnavailable('the database was closed');
    await this.#pg.close();
  }

  async #checkpointWhenDue(): Promise<void> {
    this.#segmentsSinceCheckpoint += this.#fs.takeSegmentsFilled();
    if (this.#ended !== undefined || this.#segmentsSinceCheckpoint < segmentsPerCheckpoint) return;
    this.#segmentsSinceCheckpoint = 0;
    // What failed here, a full disk say, fails the next statement too, and is told to its caller.
    await this.call((pg) => pg.exec('checkpoint')).catch(() => {});
  }

  /** PGlite's error is not kept as a cause: it carries the parameters. */
  #toFailure(error: unknown): unknown {
    if (this.#fs.aborted !== undefined) return this.#end(this.#lastWords.text || this.#fs.aborted);
    if (!(error instanceof messages.DatabaseError)) return error;
    if (/PANIC|FATAL/.test(error.severity ?? '')) return this.#end(error.message);
    return new DatabaseError(error.code ?? 'XX000', error.message, { constraint: error.constraint });
  }

  // PostgreSQL would restart itself after a panic. In this process nothing can.
  #end(reason: string): DatabaseUnavailable {
    this.#ended = new DatabaseUnavailable(`PGlite stopped and needs a restart of the server: ${reason}`);
    this.#onBroken(this.#ended);
    return this.#ended;
  }
}
