/** What a key may do. A scope includes those before it: `write` also reads, `admin` does everything but make keys. */
export const scopes = ['read', 'write', 'admin'] as const;

export type Scope = (typeof scopes)[number];

/** What a session may do. */
export const allScopes: readonly Scope[] = ['admin'];

export function allows(granted: readonly Scope[], needed: Scope): boolean {
  const needs = scopes.indexOf(needed);
  return granted.some((scope) => scopes.indexOf(scope) >= needs);
}
