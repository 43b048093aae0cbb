/** How everything for a browser is bundled: one ESM file that imports nothing and keeps within a strict CSP. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import { transform } from '@swc/core';
import { type BuildOptions, build, type Metafile } from 'esbuild';

export interface BrowserBundle {
  /** Entry name → file in TypeScript. */
  readonly entryPoints: Readonly<Record<string, string>>;
  readonly outDir: string;
  /** What else esbuild has to know. */
  readonly options?: BuildOptions;
}

export async function bundleForBrowser({ entryPoints, outDir, options }: BrowserBundle): Promise<Metafile> {
  const { metafile, outputFiles } = await build({
    entryPoints: { ...entryPoints },
    outdir: outDir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    logLevel: 'warning',
    // msgpackr compiles readers for its record extension, which the wire does not use (SYN-1): without the constructor it does
    // not try. (Its own build without eval does the same, and is a kilobyte larger.) Buffer: branches for Node are left out.
    define: { Function: 'undefined', Buffer: 'undefined' },
    ...options,
    metafile: true,
    sourcemap: 'external',
    write: false,
  });
  await mkdir(outDir, { recursive: true });
  const mapByPath = new Map(outputFiles.map(({ path, text }) => [path, text]));
  for (const { path, text } of outputFiles) {
    if (path.endsWith('.js')) await writeMinified(path, text, mapByPath.get(`${path}.map`) ?? '');
  }
  return metafile;
}

/** Again, by a minifier that looks into functions where esbuild looks at lines: two kilobytes of forty, for a tenth of a second. */
async function writeMinified(path: string, code: string, map: string): Promise<void> {
  const minified = await transform(code, {
    inputSourceMap: map,
    sourceMaps: true,
    swcrc: false,
    isModule: true,
    minify: true,
    jsc: { target: 'es2022', minify: { compress: { passes: 2, keep_infinity: true }, mangle: { toplevel: true } } },
  });
  const name = basename(path);
  await writeFile(path, `${minified.code}\n//# sourceMappingURL=${name}.map\n`);
  await writeFile(`${path}.map`, minified.map ?? map);
}

/** `75.1 KB, 27.3 KB gzip` */
export function sizeToText(code: Uint8Array): string {
  return `${toKilobytes(code.length)}, ${toKilobytes(gzipBytes(code))} gzip`;
}

export function gzipBytes(code: Uint8Array): number {
  return gzipSync(code, { level: 9 }).length;
}

const toKilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} KB`;
