/** Passwords: argon2id with the parameters OWASP asks for (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane). */
import { hash, verify } from '@node-rs/argon2';
import { accessLimits } from './access-limits.ts';
import { commonPasswords } from './common-passwords.ts';

/** The library's default algorithm is argon2id; its type is a const enum, which isolated modules cannot name. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;

/** No password has this hash: checking against it costs what a real check costs. */
export const nobodysHash = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** About 20 ms on a thread of the pool. */
export function hashPassword(password: string): Promise<string> {
  return hash(password.normalize('NFKC'), parameters);
}

/** With null for an account that does not exist: false after the same time. */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  const isRight = await verify(passwordHash ?? nobodysHash, password.normalize('NFKC'));
  return isRight && passwordHash !== null;
}

/** What is wrong with a new password, or null. */
export function weaknessOf(password: string, email: string): string | null {
  const chars = [...password].length;
  if (chars < accessLimits.passwordMinChars) return `must have at least ${accessLimits.passwordMinChars} characters`;
  if (chars > accessLimits.passwordMaxChars) return `must have at most ${accessLimits.passwordMaxChars} characters`;
  const lower = password.toLowerCase();
  if (commonPasswords.has(lower) || new Set(lower).size === 1) return 'is one of the most common passwords';
  if (lower === email || lower === email.split('@')[0]) return 'must not be the e-mail';
  return null;
}
