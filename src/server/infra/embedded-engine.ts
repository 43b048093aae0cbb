/** PGlite as a database server would run it: fsync on, checkpoints taken, one unit of work at a time, dead after a panic. */
import { messages, PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { DatabaseError, DatabaseUnavailable } from './database.ts';
import { DurableNodeFs } from './embedded-fs.ts';
import { valueParserByOid } from './sql-values.ts';

/** A single-user PostgreSQL takes no checkpoint of its own, so its log would grow for ever. In segments of 1 MB. */
const segmentsPerCheckpoint = 64;

const startParams = [...PGlite.defaultStartParams.filter((param) => param !== '-F'), '-c', 'wal_sync_method=fsync'];

const byteaOid = 17;
// PGlite's own goes byte by byte.
const serializers = {
  [byteaOid]: (value: Uint8Array) => `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`,
};

export class EmbeddedEngine {
  readonly #pg: PGlite;
  readonly #fs: DurableNodeFs;
  readonly #onBroken: (error: DatabaseUnavailable) => void;
  #lane: Promise<unknown> = Promise.resolve();
  #segmentsSinceCheckpoint = 0;
  #ended: DatabaseUnavailable | undefined;

  private constructor(pg: PGlite, fs: DurableNodeFs, onBroken: (error: DatabaseUnavailable) => void) {
    this.#pg = pg;
    this.#fs = fs;
    this.#onBroken = onBroken;
  }

  static async open(folder: string, onBroken: (error: DatabaseUnavailable) => void): Promise<EmbeddedEngine> {
    const fs = new DurableNodeFs(folder);
    const said: string[] = [];
    try {
      const onStderr = (line: string): boolean => said.push(line) < 0; // false: not printed
      const pg = await PGlite.create({ fs, startParams, extensions: { vector }, serializers, onStderr });
      // Array parsers are made by PGlite while it opens, so ours come after.
      for (const [oid, parse] of valueParserByOid) pg.parsers[oid] = parse;
      return new EmbeddedEngine(pg, fs, onBroken);
    } catch (error) {
      const reason = said.findLast((line) => /FATAL|PANIC/.test(line)) ?? String(error);
      throw new DatabaseUnavailable(`PGlite cannot open ${folder}: ${reason}`, { cause: error });
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
    if (error instanceof messages.DatabaseError) {
      if (/PANIC|FATAL/.test(error.severity ?? '')) return this.#end(error);
      return new DatabaseError(error.code ?? 'XX000', error.message, { constraint: error.constraint });
    }
    return error instanceof Error && error.name === 'RuntimeError' ? this.#end(error) : error; // WebAssembly trapped
  }

  // PostgreSQL would restart itself after a panic. In this process nothing can: a further call would never return.
  #end(error: Error): DatabaseUnavailable {
    this.#ended = new DatabaseUnavailable(`PGlite stopped and needs a restart of the server: ${error.message}`);
    this.#onBroken(this.#ended);
    return this.#ended;
  }
}
