/**
 * Settings that travel with a statement, in its round trip and its transaction, and end with it: so a connection keeps no
 * state, and a pooler may hand every transaction another one (docs/SCALING.md, "Connections"). The second fence of SEC-15, the
 * role and the users whose rows it may see, goes the same way.
 */
import type { Statement } from './database.ts';

/** The role that owns nothing, made by migration 0006: its policies let it see the rows of `app.user_ids` alone. */
export const fencedRole = 'aibrain_app';

export type Setting = readonly [name: string, value: string];

export interface Guard {
  /** Name and text are the same for the same names of settings. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly string[];
}

/** Finds no row, so that its answer is one message and nothing of it can be taken for a row of the statement behind it. */
export function toGuard(settings: readonly Setting[], isLocal = true): Guard {
  const calls = settings.map(([name], index) => `set_config('${name}', $${index + 1}::text, ${isLocal}) is null`);
  const name = `guard ${settings.map(([setting]) => setting).join(' ')}`;
  return { name, text: `select 1 where ${calls.join(' or ')}`, values: settings.map(([, value]) => value) };
}

export function fenceSettings(users: readonly string[] | 'everybody'): readonly Setting[] {
  if (users === 'everybody') return [['role', 'none']];
  return [
    ['role', fencedRole],
    ['app.user_ids', `{${users.join(',')}}`],
  ];
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const isUuid = (value: unknown): value is string => typeof value === 'string' && uuid.test(value);

/** Whose rows a statement may see: those of its first parameter, of nobody where that is no user. */
export function usersOf({ text, everybody }: Statement, params: readonly unknown[]): readonly string[] | 'everybody' {
  if (everybody !== undefined) return 'everybody';
  const [first] = params;
  if (Array.isArray(first) && text.includes('$1::uuid[]')) return [...new Set(first)].filter(isUuid);
  return isUuid(first) && text.includes('$1::uuid') ? [first] : [];
}

const comparedParameter = /\buser_id"? = \$(\d+)/;
const comparedLiteral = /\buser_id"? = '([0-9a-f-]{36})'/;
const insertedColumns = /^insert into "\w+" \(([^)]*)\) values/;

/** The same of a statement that Kysely wrote, whose parameters come in an order of its own: the user that it compares or inserts. */
export function usersOfBuilt(text: string, params: readonly unknown[]): readonly string[] {
  const user = comparedUser(text, params) ?? params[insertedColumns.exec(text)?.[1]?.split(', ').indexOf('"user_id"') ?? -1];
  return isUuid(user) ? [user] : [];
}

function comparedUser(text: string, params: readonly unknown[]): unknown {
  const parameter = comparedParameter.exec(text)?.[1];
  return parameter === undefined ? comparedLiteral.exec(text)?.[1] : params[Number(parameter) - 1];
}
