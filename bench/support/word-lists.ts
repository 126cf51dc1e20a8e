/**
 * Lists of a toy domain over the tiny model's own words: the relevant document shares two telling words with the query, every
 * other one two words that say nothing. Which words say nothing is what differs from one domain to another.
 */
import type { TrainingList } from '../../engine/training/trainer/training-list.ts';
import { uniformRandom } from './uniform-random.ts';

/** Each is one token of the tiny model. */
const telling =
  'bread book wind glass train degrees day car air question read document list help warm sour high long full first ash rise goal find text keep start print format final query answer content paragraphs following relevant information given based need makes understand'.split(
    ' ',
  );
/** Words that say nothing, by domain. */
const idle = {
  first: ['the', 'and', 'for', 'are', 'that', 'with'],
  shifted: ['from', 'you', 'will', 'not', 'each', 'when'],
} as const;

/** Lists of a domain; the same for the same seed. */
export function wordLists(domain: keyof typeof idle, count: number, seed: number): TrainingList[] {
  const next = uniformRandom(seed);
  const draw = (of: readonly string[], n: number, without: readonly string[] = []): string[] => {
    const keyed = of.filter((word) => !without.includes(word)).map((word) => ({ word, key: next() }));
    return keyed
      .sort((a, b) => a.key - b.key)
      .slice(0, n)
      .map(({ word }) => word);
  };
  const mixed = (...parts: readonly string[][]): string =>
    draw(parts.flat(), Number.POSITIVE_INFINITY).join(' ');
  return Array.from({ length: count }, (_, i) => {
    const [shared, usual] = [draw(telling, 2), draw(idle[domain], 2)];
    const relevant = mixed(shared, draw(idle[domain], 2, usual), draw(telling, 3, shared));
    const others = Array.from({ length: 5 }, () => mixed(usual, draw(telling, 5, shared)));
    const texts = [relevant, ...others];
    const order = draw(Object.keys(texts), texts.length).map(Number);
    return {
      set: domain,
      queryId: String(i),
      query: mixed(shared, usual),
      documents: order.map((d) => ({ docId: String(d), text: texts[d]!, gain: Number(d === 0) })),
    };
  });
}
