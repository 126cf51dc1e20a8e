/** Random numbers that depend on a name, so that one query's draw says nothing about another's. */
import { createHash } from 'node:crypto';
import { seededRandom } from '../../evaluation/random.ts';

/** Numbers in [0, 1), always the same for one seed and the same names. */
export function namedRandom(seed: number, ...names: readonly string[]): () => number {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...names]))
    .digest();
  return seededRandom(digest.readUInt32LE(0));
}
