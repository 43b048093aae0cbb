/** How every session of ours plans, said when a connection is made or, where a pooler stands between, with every statement. */
import type { Setting } from './session-guard.ts';

/**
 * What stands between this process and PostgreSQL. `transaction`: a pooler that lends a connection for one transaction, and
 * forgets prepared statements (pgbouncer before 1.21). `transaction-prepared`: one that keeps them (`max_prepared_statements`).
 */
export type Pooler = 'none' | 'transaction' | 'transaction-prepared';

/**
 * Every table is read by its key, user_id first. A plan that was cached while a table was small may scan the whole of it and
 * then does so until the next analyze: appends to a new database went from 0.9 to 2.5 ms within 6,000 rows.
 */
// The planner counts a sequential scan that it cannot avoid as 10^10, and would compile each such statement: 130 to 500 ms.
const planner: readonly Setting[] = [
  ['enable_seqscan', 'off'],
  ['plan_cache_mode', 'force_generic_plan'],
  ['jit', 'off'],
];

export const sessionOptions: string = planner.map(([name, value]) => `-c ${name}=${value}`).join(' ');

/** For the begin of a transaction, which says its statement time-out itself. */
export function createPlannerSettings(idleInTransactionTimeoutMs: number): readonly Setting[] {
  return [...planner, ['idle_in_transaction_session_timeout', String(idleInTransactionTimeoutMs)]];
}

/** For a statement that is a transaction by itself. */
export function createStatementSettings(timeoutMs: number): readonly Setting[] {
  return [['statement_timeout', String(timeoutMs)], ...planner];
}
