import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepJwtSecret } from '../../../src/server/access/jwt-secret.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aibrain-secret-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('is made once, for its owner alone, and kept', () => {
  const dataDir = join(folder, 'not', 'there');
  const secret = keepJwtSecret(dataDir);
  expect(secret).toHaveLength(32);
  expect(keepJwtSecret(dataDir)).toStrictEqual(secret);
  expect(readdirSync(dataDir)).toStrictEqual(['jwt-secret']);
  expect(statSync(join(dataDir, 'jwt-secret')).mode & 0o777).toBe(0o600);
});

it('two folders have two', () => {
  expect(keepJwtSecret(join(folder, 'a'))).not.toStrictEqual(keepJwtSecret(join(folder, 'b')));
});

it('the rest of a start that was killed is thrown away', () => {
  writeFileSync(join(folder, `jwt-secret.${process.pid}`), 'half');
  keepJwtSecret(folder);
  expect(readdirSync(folder)).toStrictEqual(['jwt-secret']);
});

it('[SEC-4] a file that holds no secret is refused, not shown', () => {
  writeFileSync(join(folder, 'jwt-secret'), 'too short');
  expect(() => keepJwtSecret(folder)).toThrow('holds no secret');
  expect(() => keepJwtSecret(folder)).not.toThrow('too short');
});
