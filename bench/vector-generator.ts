/** Vectors as embedders make them: in clusters, spread over all 1,536 numbers, with an effective dimension of about 130. */
import { createRandom, type Random } from './random.ts';

export const dimensions = 1_536;

export interface VectorGenerator {
  next(): Float32Array;
}

/** Variances fall off as e^(-i/65): (sum of variances)² / sum of squares is 130. */
const deviations = Float32Array.from({ length: dimensions }, (_, i) => Math.exp(-i / 130));
const spread = 0.6;

/** @param clusters each vector is near to one of so many centres. */
export function createVectorGenerator(seed: number, clusters: number): VectorGenerator {
  const random = createRandom(seed);
  const centres = Array.from({ length: clusters }, () => sample(random));
  const rotate = createRotation(createRandom(1));
  return {
    next() {
      const centre = centres[random.below(clusters)];
      const noise = sample(random);
      const vector = new Float32Array(dimensions);
      for (let i = 0; i < dimensions; i++) vector[i] = (centre?.[i] ?? 0) + spread * (noise[i] ?? 0);
      return toUnit(rotate(vector));
    },
  };
}

function sample(random: Random): Float32Array {
  const vector = new Float32Array(dimensions);
  for (let i = 0; i < dimensions; i += 2) {
    // Box and Muller: two normal numbers of two uniform ones.
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    const angle = 2 * Math.PI * random.next();
    vector[i] = radius * Math.cos(angle) * (deviations[i] ?? 0);
    vector[i + 1] = radius * Math.sin(angle) * (deviations[i + 1] ?? 0);
  }
  return vector;
}

/** The same for every seed of vectors. Twice: signs turned at random, three Hadamard transforms of 512, places exchanged. */
function createRotation(random: Random): (vector: Float32Array) => Float32Array {
  const rounds = [1, 2].map(() => ({
    signs: Float32Array.from({ length: dimensions }, () => (random.chance(0.5) ? 1 : -1)),
    places: shuffled(random),
  }));
  return (vector) => {
    let turned = vector;
    for (const { signs, places } of rounds) {
      const signed = turned.map((number, i) => number * (signs[i] ?? 1));
      for (let block = 0; block < dimensions; block += 512) hadamard(signed.subarray(block, block + 512));
      turned = Float32Array.from(places, (place) => signed[place] ?? 0);
    }
    return turned;
  };
}

function shuffled(random: Random): readonly number[] {
  return Array.from({ length: dimensions }, (_, place) => ({ place, key: random.next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ place }) => place);
}

function hadamard(block: Float32Array): void {
  for (let half = 1; half < block.length; half *= 2) {
    for (let start = 0; start < block.length; start += 2 * half) {
      for (let i = start; i < start + half; i++) {
        const [a, b] = [block[i] ?? 0, block[i + half] ?? 0];
        block[i] = a + b;
        block[i + half] = a - b;
      }
    }
  }
}

function toUnit(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const number of vector) squares += number * number;
  const length = Math.sqrt(squares);
  return vector.map((number) => number / length);
}
