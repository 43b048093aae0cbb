/**
 * PGlite's files on a real disk, with the fsync that PGlite leaves out.
 *
 * PGlite starts PostgreSQL with `-F` and its Node file system has no fsync, so a power cut loses what was committed. Here
 * PostgreSQL runs with fsync on (see embedded-engine.ts) and its calls reach the disk. `wal_sync_method` has to be `fsync`:
 * Emscripten's fdatasync is empty. Whether a file or a folder, PostgreSQL itself knows what to sync and when.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { NodeFS } from '@electric-sql/pglite/nodefs';

type Init = NodeFS['init'];

/** The part of Emscripten's NODEFS that is used here; its types do not describe it. */
interface NodeFileSystem {
  readonly realPath: (node: StreamNode) => string;
  readonly stream_ops: { fsync?: (stream: Stream) => number };
}
interface StreamNode {
  readonly name: string;
}
interface Stream {
  /** The file descriptor of the host; folders have none. */
  readonly nfd?: number;
  readonly node: StreamNode;
}
interface FileSystems {
  readonly filesystems: { readonly NODEFS: NodeFileSystem };
  readonly ErrnoError: new (errno: number) => Error;
}

/** WASI numbers, as Emscripten uses them. Anything else is an input/output error. */
const errnoByCode: Readonly<Record<string, number>> = { EDQUOT: 19, EIO: 29, ENOSPC: 51, EROFS: 69 };

const isWalSegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

export class DurableNodeFs extends NodeFS {
  #lastSegment = '';
  #segmentsFilled = 0;
  #aborted: string | undefined;

  /** Why PostgreSQL gave up, once it has: a panic, or no room for more bytes. Nothing may be called in it after. */
  get aborted(): string | undefined {
    return this.#aborted;
  }

  /** Segments of the write-ahead log that were begun since this was last called. */
  takeSegmentsFilled(): number {
    const count = this.#segmentsFilled;
    this.#segmentsFilled = 0;
    return count;
  }

  override async init(...[pg, options]: Parameters<Init>): ReturnType<Init> {
    const { emscriptenOpts } = await super.init(pg, options);
    const install = (mod: { readonly FS: unknown }): void => this.#install(mod.FS as FileSystems);
    const preRun = [...(emscriptenOpts.preRun ?? []), install];
    const onAbort = (what: unknown): void => {
      this.#aborted = String(what || 'panic');
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun, onAbort } };
  }

  #install(fs: FileSystems): void {
    const nodeFs = fs.filesystems.NODEFS;
    nodeFs.stream_ops.fsync = (stream) => {
      try {
        if (stream.nfd === undefined) syncDirectory(nodeFs.realPath(stream.node));
        else fdatasyncSync(stream.nfd);
      } catch (error) {
        // PostgreSQL panics on a failed fsync of the log, as it must: the commit is not acknowledged.
        throw new fs.ErrnoError(errnoByCode[codeOf(error)] ?? 29);
      }
      this.#countSegment(stream.node.name);
      return 0;
    };
  }

  #countSegment(name: string): void {
    if (name === this.#lastSegment || !isWalSegment(name)) return;
    this.#lastSegment = name;
    this.#segmentsFilled += 1;
  }
}

/** Makes the names in a folder durable. Windows has no such call and needs none. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
