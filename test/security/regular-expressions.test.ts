/** ReDoS: every regular expression of the sources, asked of a checker that finds the text that makes one backtrack. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from '@swc/core';
import { checkSync } from 'recheck';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Found {
  readonly path: string;
  readonly pattern: string;
  readonly flags: string;
}

const found = ['src', 'conformance'].flatMap(sourcesIn).flatMap(expressionsIn);
const unique = [...new Map(found.map((one) => [`/${one.pattern}/${one.flags}`, one])).values()];

describe('[SEC-9] regular expressions', () => {
  it('[SEC-9] the checker finds one that backtracks', () => {
    expect(checkSync('^(a+)+$', '').status).toBe('vulnerable');
  });

  it('[SEC-9] all of them are found, and none is put together from text', () => {
    expect(unique.length).toBeGreaterThan(50);
    expect(['src', 'conformance'].flatMap(sourcesIn).filter((path) => /\bRegExp\(/.test(read(path)))).toEqual([]);
  });

  it.each(unique.map((one) => [`/${one.pattern}/${one.flags}`, one] as const))('[SEC-9] %s', (_, { path, pattern, flags }) => {
    // Unicode sets are beyond it; the classes that they name do not change how it backtracks.
    const verdict = checkSync(pattern, flags.replace('v', 'u'), { timeout: 20_000 });
    expect({ path, status: verdict.status, error: verdict.status === 'unknown' ? verdict.error : undefined }).toEqual({
      path,
      status: 'safe',
      error: undefined,
    });
  });
});

function sourcesIn(folder: string): readonly string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function expressionsIn(path: string): readonly Found[] {
  const expressions: Found[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, pattern, flags } = node as { type?: unknown; pattern?: unknown; flags?: unknown };
    if (type === 'RegExpLiteral') expressions.push({ path, pattern: String(pattern), flags: String(flags ?? '') });
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(read(path), { syntax: 'typescript', target: 'es2022' }));
  return expressions;
}
