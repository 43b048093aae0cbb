/**
 * The rules are written in docs/, the rules of an interface in the head of its suite in test/contract/ (` * DB-1  …`); tests
 * are titled with them (`[MRG-2] …`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Rules that have no test yet, and why. A rule that has one is taken off this list, or the test below fails. */
const reasonByLaterRule: Readonly<Record<string, string>> = {};

describe('[house] rules', () => {
  const written = new Set(
    ['docs/ARCHITECTURE.md', 'docs/PROTOCOL.md'].flatMap((path) => numbersAt(path, /^- \*\*([A-Z]+-\d+)\*\*/gm)),
  );
  const ofContracts = new Set(filesIn('test/contract').flatMap((path) => numbersAt(path, /^ \* +([A-Z]+-\d+)\s/gm)));
  const tested = new Set(
    filesIn('test')
      .filter((path) => !path.startsWith('test/house/'))
      .flatMap(rulesInTitles),
  );

  it('[house] docs/ carries the rules', () => {
    const families = new Set([...written].map((rule) => rule.replace(/-\d+$/, '')));
    expect([...families].sort()).toEqual(['API', 'LOG', 'MRG', 'SEC', 'SYN']);
  });

  it('[house] every rule number has a test', () => {
    const expected = [...written, ...ofContracts].filter((rule) => !(rule in reasonByLaterRule));
    expect(expected.filter((rule) => !tested.has(rule))).toEqual([]);
  });

  it('[house] no test names an unknown rule', () => {
    expect([...tested].filter((rule) => !(written.has(rule) || ofContracts.has(rule)))).toEqual([]);
  });

  it('[house] a rule on the list of later ones is written, and has no test', () => {
    expect(Object.keys(reasonByLaterRule).filter((rule) => tested.has(rule) || !written.has(rule))).toEqual([]);
  });
});

/** What begins a string: `'[MRG-1] …'`, `'[SYN-3] [SYN-4] …'`. A comment that mentions a rule is no test of it. */
function rulesInTitles(path: string): readonly string[] {
  return [...textOf(path).matchAll(/['"`]((?:\[[A-Z]+-\d+\] *)+)/g)].flatMap(([, tags = '']) => tags.match(/[A-Z]+-\d+/g) ?? []);
}

function numbersAt(path: string, pattern: RegExp): readonly string[] {
  return [...textOf(path).matchAll(pattern)].map(([, rule = '']) => rule);
}

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
}

function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
