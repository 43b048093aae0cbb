/** What keeps a JSON object from being stored as settings: too much, too deep, or text that PostgreSQL cannot hold. */
import { isStorable } from '../../core/memory.ts';
import { accessLimits } from '../access/access-limits.ts';

/** What is wrong, or null. Walks level by level, since recursion into what a stranger nested could overflow the stack. */
export function settingsFault(settings: object): string | null {
  let level: readonly unknown[] = [settings];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > accessLimits.settingsDepth) return `must be nested at most ${accessLimits.settingsDepth} deep`;
    if (!level.every(isPlain)) return 'must not contain NUL or lone surrogates';
    level = level.flatMap(children);
  }
  const bytes = Buffer.byteLength(JSON.stringify(settings));
  return bytes > accessLimits.settingsBytes ? `must have at most ${accessLimits.settingsBytes} bytes of JSON` : null;
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) || Object.keys(value).every(isStorable);
  return true;
}

function children(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).filter((child) => child !== null) : [];
}
