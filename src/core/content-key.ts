/**
 * What two texts share that say the same in the same words: Unicode's compatibility form (NFKC), no difference of case, white space
 * as single spaces. Contents with equal keys are duplicates of each other.
 */
export function contentKey(text: string): string {
  // Upper case first: it unites what has several lower-case forms, as ß and ss, ς and σ.
  return text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim();
}
