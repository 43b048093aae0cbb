/**
 * What is wrong with a new password. NIST SP 800-63B: length and a list of those that are tried first; no rules of composition.
 * The list is that of zxcvbn-ts, about 49,000 passwords by how often they were found in breaches.
 */
import { dictionary } from '@zxcvbn-ts/language-common';
import { accessLimits } from './access-limits.ts';

const listed: ReadonlySet<string> = new Set(dictionary['passwords-common']);

/** What people add to a listed password to satisfy rules: `password2024!`. More than this is a password of its own. */
const addedChars = 4;

/** Null when nothing is. */
export function weaknessOf(password: string, email: string): string | null {
  const chars = [...password].length;
  if (chars < accessLimits.passwordMinChars) return `must have at least ${accessLimits.passwordMinChars} characters`;
  if (chars > accessLimits.passwordMaxChars) return `must have at most ${accessLimits.passwordMaxChars} characters`;
  const lower = password.toLowerCase();
  if (isCommon(lower)) return 'is one of the most common passwords';
  if (lower === email || lower === email.split('@')[0]) return 'must not be the e-mail';
  return null;
}

function isCommon(lower: string): boolean {
  return new Set(lower).size === 1 || isListed(lower) || isRepeated(lower);
}

function isListed(lower: string): boolean {
  for (let added = 0; added <= addedChars; added++) {
    const [rest, tail] = [lower.slice(0, lower.length - added), lower.slice(lower.length - added)];
    if (/[a-z]/.test(tail)) return false;
    if (listed.has(rest)) return true;
  }
  return false;
}

/** `adminadmin`, `abc123abc123`: a shorter password, said again. */
function isRepeated(lower: string): boolean {
  const period = (lower + lower).indexOf(lower, 1);
  return period < lower.length && (period < 4 || listed.has(lower.slice(0, period)));
}
