/** docs/SECURITY.md names a test for every threat; each has to be there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const rows = (read('docs/SECURITY.md').split('## Threats')[1] ?? '')
  .split('\n## ')[0]
  ?.split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()));

it('[house] the table of threats has rows', () => {
  expect(rows?.length).toBeGreaterThan(20);
});

it.each(rows ?? [])('[house] %s', (...[, defence = '', test = '']) => {
  expect(defence).not.toBe('');
  const [, path = '', title = ''] = /^`(test\/[^`]+)`: (.+)$/.exec(test) ?? [];
  expect(existsSync(join(root, path)) && path !== '', test).toBe(true);
  expect(read(path)).toContain(title);
});
