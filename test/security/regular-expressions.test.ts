/** ReDoS: every regular expression of the sources, asked of a checker that finds the text that makes one backtrack. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from '@swc/core';
import { check } from 'recheck';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Found {
  readonly path: string;
  readonly pattern: string;
  readonly flags: string;
}

/** Files with expressions that take a power of the length of their text, and what bounds that text. */
const boundOfText: Readonly<Record<string, string>> = {
  'conformance/options.ts': 'an argument of the command line',
  'conformance/check.ts': 'a title of our own',
  'src/server/config-values.ts': 'a setting, which whoever runs the server writes',
  'src/server/ingest/conversation.ts': 'a line of a conversation, which the limits of POST /memories/ingest bound',
  'src/server/ingest/gate.ts': 'a message, which the limits of POST /memories/ingest bound',
  'src/server/ingest/rule-extractor.ts': 'a sentence of a message',
  'src/server/ingest/secrets.ts': 'a message; the repetitions are bounded in the expression',
  'src/server/ingest/similar.ts': 'the content of a memory, 10,000 characters',
  'src/server/transfer/claude.ts': 'a line of a record, transferLimits.recordBytes',
  'src/server/transfer/detect-format.ts': 'the head of a file',
  'src/server/transfer/values.ts': 'a value of a record, transferLimits.recordBytes',
};

/** Files that put expressions together from lists of words, all of them when they are loaded. */
const builders = ['src/server/ingest/relative-dates.ts', 'src/server/ingest/rule-extractor.ts', 'src/server/ingest/secrets.ts'];

const found = [...['src', 'conformance'].flatMap(sourcesIn).flatMap(expressionsIn), ...(await builtExpressions())];
const unique = [...new Map(found.map((one) => [`/${one.pattern}/${one.flags}`, one])).values()];

describe('[SEC-9] regular expressions', () => {
  it('[SEC-9] the checker finds one that backtracks', async () => {
    expect(await kindOf('^(a+)+$', '')).toBe('exponential');
  });

  it('[SEC-9] all of them are found, also those that are put together from lists of words', () => {
    expect(unique.length).toBeGreaterThan(50);
    const building = ['src', 'conformance'].flatMap(sourcesIn).filter((path) => /\bRegExp\(/.test(read(path)));
    expect(building.sort()).toEqual(builders);
    for (const path of builders) expect(found.some((one) => one.path === path && one.pattern.length > 100)).toBe(true);
  });

  it('[SEC-9] none is exponential, and those whose time is a power of the length are known', async () => {
    const powers: string[] = [];
    for (const { path, pattern, flags } of unique) {
      // Unicode sets are beyond it; the classes that they name do not change how it backtracks.
      const kind = await kindOf(pattern, flags.replace('v', 'u'));
      expect(kind, `${path}: /${pattern}/`).not.toBe('exponential');
      if (kind === 'polynomial') powers.push(path);
    }
    expect([...new Set(powers)].filter((path) => !Object.hasOwn(boundOfText, path))).toEqual([]);
  }, 600_000);
});

async function kindOf(pattern: string, flags: string): Promise<string> {
  const verdict = await check(pattern, flags, { timeout: 3_000, attackTimeout: 300 });
  return verdict.status === 'vulnerable' ? verdict.complexity.type : verdict.status;
}

/** What the builders make while they are loaded. */
async function builtExpressions(): Promise<readonly Found[]> {
  const built: Found[] = [];
  const own = globalThis.RegExp;
  for (const path of builders) {
    globalThis.RegExp = new Proxy(own, {
      construct(target, [pattern, flags = '']: [string, string?]) {
        built.push({ path, pattern, flags });
        return new target(pattern, flags);
      },
    });
    try {
      await import(join(root, path));
    } finally {
      globalThis.RegExp = own;
    }
  }
  return built;
}

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
