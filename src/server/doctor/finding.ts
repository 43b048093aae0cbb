/** What a check found, and what to do about it. */

export interface Finding {
  /** What was looked at: database, redis, … */
  readonly check: string;
  /** `warn`: it works, and will be a problem some day. */
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** What to do; with everything that is not ok. */
  readonly fix?: string;
}

/** Never rejects for what it looks for; what it throws is reported as its failure. */
export interface Check {
  readonly name: string;
  /** How long it may take, ms. */
  readonly boundMs: number;
  run(): Promise<readonly Finding[]>;
}

export const ok = (check: string, message: string): Finding => ({ check, state: 'ok', message });
export const warn = (check: string, message: string, fix: string): Finding => ({ check, state: 'warn', message, fix });
export const fail = (check: string, message: string, fix: string): Finding => ({ check, state: 'fail', message, fix });
