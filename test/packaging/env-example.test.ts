import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { envExample } from '../../build/format-env-example.ts';
import { describeConfig, loadConfig } from '../../src/server/config.ts';

const text = readFileSync(join(import.meta.dirname, '../../.env.example'), 'utf8');

it('[house] .env.example is what `npm run build:env-example` makes of the table of settings', () => {
  expect(text).toBe(envExample(describeConfig({})));
});

it('[house] it names every setting once, and with its comments taken away it says what is said without it', () => {
  const lines = text.split('\n').map((line) => line.replace(/^#(?=[A-Z])/, ''));
  const given = lines.filter((line) => /^[A-Z_\d]+=/.test(line)).map((line) => line.split(/=(.*)/s).slice(0, 2));
  const names = given.map(([name]) => name);
  for (const { name } of describeConfig({})) expect(names.filter((other) => other === name)).toEqual([name]);
  expect(loadConfig(Object.fromEntries(given) as Record<string, string>)).toEqual(loadConfig({}));
});

it('[SEC-4] it carries no secret', () => {
  expect(text).toMatch(/^JWT_SECRET=$/m);
  expect(text).toMatch(/^POSTGRES_PASSWORD=$/m);
});
