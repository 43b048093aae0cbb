/** How everything for a browser is bundled: one ESM file that imports nothing and keeps within a strict CSP. */
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build, type Metafile } from 'esbuild';

export interface BrowserBundle {
  /** Entry name → file in TypeScript. */
  readonly entryPoints: Readonly<Record<string, string>>;
  readonly outDir: string;
  /** What else esbuild has to know. */
  readonly options?: BuildOptions;
}

export async function bundleForBrowser({ entryPoints, outDir, options }: BrowserBundle): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: { ...entryPoints },
    outdir: outDir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    sourcemap: true,
    logLevel: 'warning',
    // msgpackr compiles readers for its record extension, which the wire does not use (SYN-1): without the constructor it does
    // not try. (Its own build without eval does the same, and is a kilobyte larger.) Buffer: branches for Node are left out.
    define: { Function: 'undefined', Buffer: 'undefined' },
    ...options,
    metafile: true,
  });
  return metafile;
}

/** `75.1 KB, 27.3 KB gzip` */
export function sizeToText(code: Uint8Array): string {
  return `${toKilobytes(code.length)}, ${toKilobytes(gzipBytes(code))} gzip`;
}

export function gzipBytes(code: Uint8Array): number {
  return gzipSync(code, { level: 9 }).length;
}

const toKilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} KB`;
