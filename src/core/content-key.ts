/**
 * What two texts share that say the same in the same words: Unicode's compatibility form (NFKC), no difference of case, white space
 * as single spaces. Contents with equal keys are duplicates of each other.
 */
export function contentKey(text: string): string {
  // Through upper case: it unites what has several lower-case forms, as ß and ss, ς and σ. ẞ is ß first, and then SS.
  return text.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim();
}
