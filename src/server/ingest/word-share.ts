/** How many words two texts have in common. */
import { contentKey } from '../../core/content-key.ts';

/** Share of words from which on two texts may be about one thing. */
export const minShare = 0.25;

export const toWords = (text: string): ReadonlySet<string> => new Set(contentKey(text).match(/[\p{L}\p{N}]+/gu) ?? []);

/** The cosine of the two sets, 0 to 1. */
export function shareOf(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0;
  let shared = 0;
  for (const word of a) if (b.has(word)) shared++;
  return shared / Math.sqrt(a.size * b.size);
}
