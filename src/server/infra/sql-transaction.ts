/** The words that open a transaction, for both engines: isolation, access and time-out are always said. */
import { DatabaseError, type TransactionOptions } from './database.ts';
import type { Setting } from './session-guard.ts';

export function beginStatement(options: TransactionOptions, defaultTimeoutMs: number, settings: readonly Setting[] = []): string {
  const isolation = options.isolation ?? 'read committed';
  const access = options.readOnly === true ? 'read only' : 'read write';
  const timeoutMs = Math.max(0, Math.trunc(options.statementTimeoutMs ?? defaultTimeoutMs));
  const further = settings.map(([name, value]) => `; set local ${name} = ${value}`).join('');
  return `begin isolation level ${isolation} ${access}; set local statement_timeout = ${timeoutMs}${further}`;
}

/**
 * PostgreSQL answers `commit` with ROLLBACK, and no error, when a statement of the transaction had failed and the failure
 * was caught. A caller that is told "committed" must be able to rely on it.
 */
export function assertCommitted(commandTag: string | undefined): void {
  if (commandTag === 'COMMIT') return;
  throw new DatabaseError('25P02', 'rolled back instead of committed: a statement of the transaction had failed');
}

/** A statement on a `tx` that is over would run outside of it, or in somebody else's. */
export function refuseEnded(): Promise<never> {
  return Promise.reject(new Error('the transaction has ended'));
}
