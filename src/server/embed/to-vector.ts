import { vectorSize } from '../../core/embedding.ts';

/**
 * The numbers as a vector that is kept: padded with zeros, which changes no cosine between vectors of one model, and of length 1
 * (all zeros stay). Null when a number is not finite, or when there are too many or none.
 */
export function toVector(numbers: ArrayLike<number>): Float32Array | null {
  if (numbers.length === 0 || numbers.length > vectorSize) return null;
  // Scaled first: squares of huge numbers overflow, those of tiny ones vanish.
  let largest = 0;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    if (typeof number !== 'number' || !Number.isFinite(number)) return null;
    largest = Math.max(largest, Math.abs(number));
  }
  const vector = new Float32Array(vectorSize);
  if (largest === 0) return vector;
  let squares = 0;
  for (let i = 0; i < numbers.length; i++) squares += ((numbers[i] ?? 0) / largest) ** 2;
  const length = Math.sqrt(squares);
  for (let i = 0; i < numbers.length; i++) vector[i] = (numbers[i] ?? 0) / largest / length;
  return vector;
}
