import { expect, it } from 'vitest';
import { errorTable } from '../../src/core/errors.ts';
import { isRetryable } from '../../src/core/retryable.ts';

it('[house] what a client tries again is what the table of errors says', () => {
  const retried = Object.entries(errorTable).filter(([, { retry }]) => retry);
  expect(Object.keys(errorTable).filter(isRetryable).sort()).toEqual(retried.map(([code]) => code).sort());
});
