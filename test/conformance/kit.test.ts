/** The kit itself: what its checks are called, what its command takes, what its second opinions say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checks } from '../../conformance/checks.ts';
import { parseOptions } from '../../conformance/options.ts';
import { countResults, formatResult, formatSummary } from '../../conformance/report.ts';
import { hashOfRows } from '../../conformance/second-opinion/state-hash.ts';

const root = join(import.meta.dirname, '../..');

/** Rules of the wire that show in no frame, and why. */
const reasonByUnseenRule: Readonly<Record<string, string>> = {
  'SYN-7': 'hints go from node to node',
  'SYN-12': 'a tombstone is collected after days',
  'SYN-14': 'a server leaves when whoever runs it says so',
};

describe('[house] the conformance kit', () => {
  const written = ['docs/ARCHITECTURE.md', 'docs/PROTOCOL.md'].flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm)].map(([, rule = '']) => rule),
  );
  const covered = new Set(checks.flatMap(({ rules }) => rules));

  it('[house] every check is titled with rules that the documents define, and by a title of its own', () => {
    expect(checks.filter(({ rules }) => rules.length === 0).map(({ title }) => title)).toEqual([]);
    expect([...covered].filter((rule) => !written.includes(rule))).toEqual([]);
    expect(new Set(checks.map(({ title }) => title)).size).toBe(checks.length);
    expect(checks.length).toBeGreaterThanOrEqual(60);
  });

  it('[house] every rule of the wire has a check, but for those that cannot be seen from outside', () => {
    const unseen = written.filter((rule) => rule.startsWith('SYN-') && !covered.has(rule));
    expect(unseen).toEqual(Object.keys(reasonByUnseenRule));
  });

  it('[house] its README lists the rules that it checks', () => {
    const readme = readFileSync(join(root, 'conformance/README.md'), 'utf8');
    const listed = [...readme.matchAll(/^\| ([A-Z]+-\d+) /gm)].map(([, rule = '']) => rule);
    expect(listed).toEqual(written.filter((rule) => covered.has(rule)).sort(byFamilyAndNumber));
  });

  it('[SYN-6] the second opinion on the state hash agrees with the values in the document', () => {
    const rows = [
      ['018f0000-0000-7000-8000-000000000001', 42],
      ['018f0000-0000-7000-8000-000000000002', 4_294_967_303],
    ] as const;
    expect([0, 1, 2].map((count) => hashOfRows(rows.slice(0, count)))).toEqual([
      '0000000000000000',
      '98f61d6d4cafdeac',
      '8ac475f0b278fa87',
    ]);
  });

  it('[house] options are read, and refused where they cannot be', () => {
    const url = ['--url', 'http://127.0.0.1:3000/'];
    expect(parseOptions(url)).toEqual({
      url: 'http://127.0.0.1:3000',
      only: null,
      forms: ['binary', 'text'],
      timeoutMs: 5_000,
      jobs: 4,
      isJson: false,
      isSlow: false,
    });
    expect(parseOptions([...url, '--only', 'syn-4,LOG-2', '--form', 'text', '--timeout', '900', '--json'])).toMatchObject({
      only: new Set(['SYN-4', 'LOG-2']),
      forms: ['text'],
      timeoutMs: 900,
      isJson: true,
    });
    expect(() => parseOptions([])).toThrow('--url');
    expect(() => parseOptions(['--url', 'ftp://example.org'])).toThrow('--url');
    expect(() => parseOptions([...url, '--form', 'smoke'])).toThrow('--form');
    expect(() => parseOptions([...url, '--only', 'SYN-99'])).toThrow('SYN-99');
    expect(() => parseOptions([...url, '--timeout', '0'])).toThrow('--timeout');
  });

  it('[house] the report has a line for each check and counts them', () => {
    const base = { title: '[SYN-1] x', rules: ['SYN-1'], form: 'text' } as const;
    const results = [
      { ...base, status: 'ok' },
      { ...base, status: 'failed', reason: 'expected a, got b' },
      { ...base, form: 'none', status: 'skipped', reason: 'too long' },
    ] as const;
    expect(results.map(formatResult)).toEqual([
      '[SYN-1] x (text) … ok',
      '[SYN-1] x (text) … FAILED: expected a, got b',
      '[SYN-1] x … skipped: too long',
    ]);
    expect(formatSummary(results)).toBe('1 passed, 1 failed, 1 skipped');
    expect(countResults(results)).toEqual({ passed: 1, failed: 1, skipped: 1 });
  });
});

function byFamilyAndNumber(a: string, b: string): number {
  const [family = '', number = ''] = a.split('-');
  const [otherFamily = '', otherNumber = ''] = b.split('-');
  return family === otherFamily ? Number(number) - Number(otherNumber) : family < otherFamily ? -1 : 1;
}
