import { parseArgs } from 'node:util';
import { checks } from './checks.ts';
import type { FrameForm } from './frame-io.ts';

export interface KitOptions {
  readonly url: string;
  /** Rules; null: all of them. */
  readonly only: ReadonlySet<string> | null;
  readonly forms: readonly FrameForm[];
  readonly timeoutMs: number;
  readonly jobs: number;
  readonly isJson: boolean;
  /** Also the checks that wait for times that the protocol fixes. */
  readonly isSlow: boolean;
}

export const usage =
  'npm run conformance -- --url http://… [--only SYN-4,LOG-2] [--form binary|text|both] [--timeout ms] [--jobs n] [--slow] [--json]';

/** @throws Error when something is not known or cannot be. */
export function parseOptions(args: readonly string[]): KitOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      only: { type: 'string' },
      form: { type: 'string', default: 'both' },
      timeout: { type: 'string', default: '5000' },
      jobs: { type: 'string', default: '4' },
      slow: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    url: toUrl(values.url),
    only: values.only === undefined ? null : toRules(values.only),
    forms: toForms(values.form),
    timeoutMs: toCount(values.timeout, '--timeout', 'ms'),
    jobs: toCount(values.jobs, '--jobs', 'checks'),
    isSlow: values.slow,
    isJson: values.json,
  };
}

function toUrl(url: string | undefined): string {
  if (url === undefined || !URL.canParse(url) || !/^https?:/.test(url)) throw new Error('--url must be http://… or https://…');
  return url.replace(/\/+$/, '');
}

function toForms(form: string): readonly FrameForm[] {
  if (form === 'both') return ['binary', 'text'];
  if (form !== 'binary' && form !== 'text') throw new Error('--form is binary, text or both');
  return [form];
}

function toRules(only: string): ReadonlySet<string> {
  const known = new Set(checks.flatMap(({ rules }) => rules));
  const rules = new Set(only.split(',').map((rule) => rule.trim().toUpperCase()));
  for (const rule of rules) if (!known.has(rule)) throw new Error(`--only knows ${[...known].sort().join(', ')}; not ${rule}`);
  return rules;
}

function toCount(text: string, name: string, unit: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`${name} must be a whole number of ${unit} from 1 on`);
  return count;
}
