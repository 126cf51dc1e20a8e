/** Embeddings that know nothing, or words alone: what an embedding is compared with. */
import type { Embeddings } from '../../contract.ts';
import { seededRandom } from '../../evaluation/random.ts';

/** Options of both. */
export interface ReferenceOptions {
  /** Values a row. @defaultValue 64 */
  readonly width?: number;
  /** Decides every draw. @defaultValue 1 */
  readonly seed?: number;
}

/** Rows of normal numbers, which have nothing to do with any text. */
export function noiseRows(count: number, { width = 64, seed = 1 }: ReferenceOptions = {}): Embeddings {
  const random = seededRandom(seed);
  return { width, rows: Float32Array.from({ length: count * width }, () => normal(random)) };
}

/** Mean of a text's words, each of which has a vector of normal numbers; zeros for a text without words. */
export function randomWordRows(
  texts: readonly string[],
  { width = 64, seed = 1 }: ReferenceOptions = {},
): Embeddings {
  const random = seededRandom(seed);
  const vectors = new Map<string, Float32Array>();
  const rows = new Float32Array(texts.length * width);
  for (const [i, text] of texts.entries()) {
    const words = text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
    for (const word of words) {
      const vector = vectors.get(word) ?? Float32Array.from({ length: width }, () => normal(random));
      vectors.set(word, vector);
      for (let k = 0; k < width; k += 1) rows[i * width + k]! += vector[k]! / words.length;
    }
  }
  return { width, rows };
}

/** A number of the normal distribution (Box and Muller). */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
