/** Near-duplicates of a list are read once. */
import type { RankedCandidate, Ranking, Reranker, RerankOptions } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import { choiceCheck, numberCheck, optionIssues, type ValueCheck } from '../option-checks.ts';
import type { OptionNames } from '../option-names.ts';
import { defaultDuplicateCosine, foldRows } from '../scores/near-duplicates.ts';
import { type ScoredCandidate, withCandidates } from '../scores/ranking.ts';
import { partOfList } from './part-of-list.ts';
import { wrapped } from './wrapped.ts';

/** Options of {@link foldedReranker}. */
export interface DuplicateOptions {
  /** Cosine of token averages from which two texts are near-duplicates, in (0, 1]. @defaultValue 0.99 */
  readonly cosine?: number | undefined;
  /**
   * Where near-duplicates stand: right `under` the one that stands for them, or `last`, below every document that stands
   * for itself. @defaultValue `under`
   */
  readonly placement?: 'under' | 'last' | undefined;
}

/** Where near-duplicates stand. */
type DuplicatePlacement = NonNullable<DuplicateOptions['placement']>;

const checks: Readonly<Record<keyof OptionNames<DuplicateOptions>, ValueCheck>> = {
  cosine: numberCheck({ above: 0, most: 1, expected: 'a number above 0 and at most 1' }),
  placement: choiceCheck(['under', 'last']),
};

/** Everything that is wrong with the options of {@link foldedReranker}. */
export function duplicateIssues(options: unknown): readonly ConfigurationIssue[] {
  return optionIssues(options, checks);
}

/**
 * The reranker over lists whose near-duplicates are folded: the first of them in shortlist order is read and stands for the
 * others, which get its scores, and are marked with its index ({@link RankedCandidate.duplicateOf}). None is dropped.
 * Likeness is told by the reranker's embedder, which runs no model; without one nothing is folded. Pinned documents stand
 * for themselves.
 *
 * Wrap it around the reranker with its score steps: a fusion after it would score duplicates apart again. Steps that mean
 * each document by itself (`orderSteps`: its own price, its own rank) come after it.
 *
 * @throws ConfigurationError for options that cannot be.
 *
 * @example const reranker = foldedReranker(steppedReranker(await openReranker(), [fusion()]), { placement: 'last' });
 */
export function foldedReranker(reranker: Reranker, options: DuplicateOptions = {}): Reranker {
  const issues = duplicateIssues(options);
  if (issues.length > 0) throw new ConfigurationError('Cannot fold duplicates', issues);
  const { cosine = defaultDuplicateCosine, placement = 'under' } = options;
  const { embedder } = reranker;
  if (!embedder) return reranker;
  return wrapped(reranker, {
    async rerank(shortlist, call: RerankOptions = {}) {
      const texts = shortlist.candidates.map(({ text }) => text);
      const { signal } = call;
      const embeddings = await embedder.embed(texts, { ...(signal && { signal }) });
      const pinned = new Set(shortlist.pinned);
      const standing = foldRows(embeddings, cosine).map((of, i) => (pinned.has(i) ? i : of));
      const kept = [...standing.keys()].filter((i) => standing[i] === i);
      if (kept.length === standing.length) return reranker.rerank(shortlist, call);
      const ranking = await reranker.rerank(partOfList(shortlist, kept), call);
      return unfolded(ranking, { kept, standing }, placement);
    },
  });
}

/** Who was read, and who stands for whom. */
interface Fold {
  /** Indices of the whole list, by index of the folded one. */
  readonly kept: readonly number[];
  /** For each candidate of the whole list, the index of the one that stands for it. */
  readonly standing: readonly number[];
}

function unfolded(ranking: Ranking, { kept, standing }: Fold, placement: DuplicatePlacement): Ranking {
  const { candidates } = ranking;
  const read = new Map(candidates.map((candidate) => [kept[candidate.index]!, candidate]));
  const logits = candidates.map(({ logit }) => logit);
  const [highest, lowest] = [Math.max(...logits), Math.min(...logits)];
  // A step of its own below the last; among themselves they keep the order of those that stand for them.
  const below = highest - lowest + 1;
  const all = standing.map((of, index): ScoredCandidate => {
    const { score: _, explanation, ...candidate } = read.get(of) as RankedCandidate;
    if (of === index) return { ...candidate, index, ...(explanation && { explanation }) };
    const duplicate = { ...candidate, index, duplicateOf: of };
    if (placement === 'under') return duplicate;
    const { parts } = candidate;
    const lowered = parts && { parts: [...parts, { name: 'duplicate', value: -below }] };
    return { ...duplicate, logit: candidate.logit - below, ...lowered };
  });
  return withCandidates(ranking, all);
}
