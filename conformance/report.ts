/** What the kit says of a run. */
import type { CheckResult } from './run-checks.ts';

/** One line a check, and one more for what went wrong. */
export function formatResult({ title, form, status, reason }: CheckResult): string {
  const place = form === 'none' ? '' : ` (${form})`;
  switch (status) {
    case 'ok':
      return `${title}${place} … ok`;
    case 'skipped':
      return `${title}${place} … skipped: ${reason ?? ''}`;
    case 'failed':
      return `${title}${place} … FAILED: ${reason ?? ''}`;
  }
}

/** `N passed, N failed`, and how many could not be made. */
export function formatSummary(results: readonly CheckResult[]): string {
  const { passed, failed, skipped } = countResults(results);
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export function countResults(results: readonly CheckResult[]) {
  const count = (status: CheckResult['status']): number => results.filter((result) => result.status === status).length;
  return { passed: count('ok'), failed: count('failed'), skipped: count('skipped') };
}
