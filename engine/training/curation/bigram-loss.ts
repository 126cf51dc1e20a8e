/** How hard texts are to foretell, without a model: the loss by which embeddings are measured where no other is at hand. */

/** Weights of the pair, of the word alone, and of any word at all. */
const [pairWeight, wordWeight, anyWeight] = [0.5, 0.45, 0.05];

/** A language model of pairs of words. */
export interface BigramModel {
  /** Mean of `-ln p` over the words of a text; the mean loss of any word for a text without words. */
  loss(text: string): number;
}

/**
 * Counts words and pairs of words. `p(w | v) = .5 n(v w) / n(v) + .45 n(w) / N + .05 / V`, with `V` one more than the words
 * known; a word after an unknown one has no pair.
 *
 * Source: Jelinek and Mercer's interpolation, with fixed weights.
 */
export function bigramModel(texts: readonly string[]): BigramModel {
  const [words, pairs, firsts] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ];
  let total = 0;
  for (const text of texts) {
    const each = wordsOf(text);
    total += each.length;
    for (const word of each) add(words, word);
    for (const [before, word] of pairsOf(each)) {
      add(pairs, `${before} ${word}`);
      add(firsts, before);
    }
  }
  const size = words.size + 1;
  const probability = (before: string, word: string): number => {
    const starts = firsts.get(before);
    const ofPair = starts === undefined ? 0 : (pairs.get(`${before} ${word}`) ?? 0) / starts;
    const ofWord = total === 0 ? 0 : (words.get(word) ?? 0) / total;
    return pairWeight * ofPair + wordWeight * ofWord + anyWeight / size;
  };
  return {
    loss(text) {
      const each = [...pairsOf(wordsOf(text))];
      if (each.length === 0) return Math.log(size);
      return each.reduce((sum, [before, word]) => sum - Math.log(probability(before, word)), 0) / each.length;
    },
  };
}

/**
 * Loss of each text under a model of the other half: texts at even indexes are foretold from those at odd ones, and the other
 * way round.
 */
export function heldOutBigramLosses(texts: readonly string[]): readonly number[] {
  const [fromEven, fromOdd] = [0, 1].map((half) => bigramModel(texts.filter((_, i) => i % 2 === half)));
  return texts.map((text, i) => (i % 2 === 0 ? fromOdd : fromEven)!.loss(text));
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];

/** Each word with the one before it; `''` stands before the first. */
function pairsOf(words: readonly string[]): (readonly [string, string])[] {
  return words.map((word, i) => [words[i - 1] ?? '', word] as const);
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
