/**
 * Large files are brought in by a thread of its own, with an append and connections of its own: to the log it is one more node, and
 * the server's thread goes on answering everybody else. It is started when a file needs it and ends when none did for a while.
 */
import type { Worker } from 'node:worker_threads';
import { AppError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Writer } from '../command/memory-commands.ts';
import type { PlanTally } from '../command/user-plan.ts';
import { type FromImportThread, fromFailure, type ToImportThread } from './import-messages.ts';
import type { ImportReport } from './import-records.ts';
import type { Bytes } from './item.ts';
import type { ImportRequest, Transfer } from './transfer.ts';

export interface ImportThread extends Pick<Transfer, 'importStream' | 'importZip'> {
  /** Waits for the imports under way. */
  stop(): Promise<void>;
}

export interface ImportThreadDeps {
  readonly start: () => Worker;
  /** The thread wrote to this log up to there. */
  readonly onCommitted: (userId: UserId, head: number) => void;
  /** The ops in it, counted. */
  readonly onTally: (tally: PlanTally) => void;
  /** It ended though nobody asked it to. */
  readonly onError: (error: unknown) => void;
}

/** Chunks on their way to the thread, as files and requests cut them: 64 KB each. */
const maxChunks = 8;
const idleMs = 60_000;

interface Running {
  resolve(report: ImportReport): void;
  reject(error: unknown): void;
  /** A chunk was taken up. */
  taken(): void;
}

export function createImportThread(deps: ImportThreadDeps): ImportThread {
  let thread: Thread | null = null;
  let idle: NodeJS.Timeout | undefined;
  let nextId = 0;
  const under = new Set<Promise<ImportReport>>();

  const use = async (work: (thread: Thread, id: number) => Promise<ImportReport>): Promise<ImportReport> => {
    clearTimeout(idle);
    thread ??= new Thread(deps, () => {
      thread = null;
    });
    const running = work(thread, nextId++);
    under.add(running);
    try {
      return await running;
    } finally {
      under.delete(running);
      if (under.size === 0) idle = setTimeout(() => void thread?.stop(), idleMs).unref();
    }
  };
  return {
    importStream: (writer, bytes, request) => use((to, id) => to.importStream(id, writer, bytes, request)),
    importZip: (writer, path, request) => use((to, id) => to.importZip(id, writer, path, request)),
    async stop() {
      clearTimeout(idle);
      await Promise.allSettled(under);
      await thread?.stop();
    },
  };
}

class Thread {
  readonly #worker: Worker;
  readonly #running = new Map<number, Running>();
  readonly #ended: Promise<void>;

  constructor({ start, onCommitted, onTally, onError }: ImportThreadDeps, onEnded: () => void) {
    this.#worker = start();
    // A server that has nothing else to do may end.
    this.#worker.unref();
    this.#worker.on('message', (message: FromImportThread) => {
      if (message.kind === 'committed') onCommitted(message.userId, message.head);
      else if (message.kind === 'tally') onTally(message.tally);
      else this.#hear(message);
    });
    this.#worker.on('error', onError);
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        onEnded();
        for (const { reject } of this.#running.values()) reject(new AppError('unavailable'));
        resolve();
      });
    });
  }

  importZip(id: number, writer: Writer, zip: string, request: ImportRequest): Promise<ImportReport> {
    return this.#begin({ kind: 'import', id, writer, request, zip }, () => {});
  }

  async importStream(id: number, writer: Writer, bytes: Bytes, request: ImportRequest): Promise<ImportReport> {
    const room = createRoom(maxChunks);
    const report = this.#begin({ kind: 'import', id, writer, request }, room.leave);
    const isOver = report.then(
      () => true,
      () => true,
    );
    try {
      for await (const chunk of bytes) {
        if (await Promise.race([room.enter().then(() => false), isOver])) break;
        // A copy that is given away: what the source cut its chunks from is no one's to give.
        const own = new Uint8Array(chunk);
        this.#post({ kind: 'chunk', id, bytes: own }, [own.buffer]);
      }
      this.#post({ kind: 'end', id });
    } catch (error) {
      this.#post({ kind: 'broken', id });
      await isOver;
      throw error;
    }
    return await report;
  }

  async stop(): Promise<void> {
    this.#post({ kind: 'stop' });
    await this.#ended;
  }

  async #begin(message: ToImportThread & { readonly id: number }, taken: () => void): Promise<ImportReport> {
    try {
      return await new Promise<ImportReport>((resolve, reject) => {
        this.#running.set(message.id, { resolve, reject, taken });
        this.#post(message);
      });
    } finally {
      this.#running.delete(message.id);
    }
  }

  #hear(message: Exclude<FromImportThread, { kind: 'committed' | 'tally' }>): void {
    const running = this.#running.get(message.id);
    if (message.kind === 'taken') running?.taken();
    else if (message.kind === 'done') running?.resolve(message.report);
    else running?.reject(fromFailure(message.failure));
  }

  #post(message: ToImportThread, given: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, given);
  }
}

/** So many inside at a time. */
function createRoom(size: number) {
  let inside = 0;
  let wake: (() => void) | null = null;
  return {
    async enter(): Promise<void> {
      if (inside >= size)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      inside++;
    },
    leave(): void {
      inside--;
      wake?.();
      wake = null;
    },
  };
}
