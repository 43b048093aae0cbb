import { describe, it } from 'vitest';
import { expectNoDefects } from './seeds.ts';

describe('server and devices under every nemesis', () => {
  it.each([0, 1, 2, 3, 4])('[SYN-4] [SYN-6] [SYN-10] [SYN-13] [MRG-3] [LOG-2] seeds of part %i', { timeout: 120_000 }, (part) =>
    expectNoDefects(251 + 50 * part, 50),
  );
});
