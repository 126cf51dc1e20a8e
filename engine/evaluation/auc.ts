/** Area under the ROC curve: how often a relevant document stands before one that is not. */
import type { PerQuery } from './measures.ts';
import type { Qrels, Run } from './trec.ts';

/**
 * AUC of scores: the share of pairs of a relevant and another document in which the relevant one has the higher score;
 * equal scores count one half.
 *
 * @param relevance - For each score 0 or 1, or the probability of being relevant; then the pairs weigh
 * `p_i (1 - p_j)`, the expectation over independent draws.
 * @returns In [0, 1]; `undefined` where there is no such pair.
 * @throws RangeError for a relevance outside [0, 1], a score that is not a number, or lists of different lengths.
 *
 * Source: the rank statistic of Mann and Whitney 1947; Hanley and McNeil 1982.
 */
export function auc(scores: readonly number[], relevance: readonly number[]): number | undefined {
  assertInputs(scores, relevance);
  const order = [...scores.keys()].sort((a, b) => compare(scores[a]!, scores[b]!));
  let [positives, negatives, itself, before] = [0, 0, 0, 0];
  for (let start = 0; start < order.length; ) {
    let [tiedPositives, tiedNegatives, tiedItself, end] = [0, 0, 0, start];
    for (; end < order.length && scores[order[end]!] === scores[order[start]!]; end += 1) {
      const p = relevance[order[end]!]!;
      tiedPositives += p;
      tiedNegatives += 1 - p;
      tiedItself += p * (1 - p); // a document is no pair with itself
    }
    before += tiedPositives * negatives + (tiedPositives * tiedNegatives - tiedItself) / 2;
    positives += tiedPositives;
    negatives += tiedNegatives;
    itself += tiedItself;
    start = end;
  }
  const pairs = positives * negatives - itself;
  return pairs > 0 ? before / pairs : undefined;
}

const compare = (a: number, b: number): number => (a < b ? -1 : Number(a > b));

function assertInputs(scores: readonly number[], relevance: readonly number[]): void {
  if (scores.length !== relevance.length) {
    throw new RangeError(`auc: expected a relevance a score, got ${relevance.length} and ${scores.length}.`);
  }
  const wrong = relevance.find((p) => !(p >= 0 && p <= 1)) ?? scores.find(Number.isNaN);
  if (wrong !== undefined) {
    throw new RangeError(`auc: expected relevances in [0, 1] and scores that are numbers, got ${wrong}.`);
  }
}

/**
 * AUC of a run, query by query, over the judged documents. Judged documents that the run lacks stand together behind all
 * others; documents that nobody judged do not count. Queries without a pair of a relevant and another document are left
 * out.
 *
 * @param qrels - Relevances in [0, 1]: labels of 0 and 1, or probabilities.
 */
export function aucPerQuery(run: Run, qrels: Qrels): PerQuery {
  const values = new Map<string, number>();
  for (const [queryId, judged] of qrels) {
    const scoreOf = new Map((run.get(queryId) ?? []).map(({ docId, score }) => [docId, score]));
    const scores = [...judged.keys()].map((docId) => scoreOf.get(docId) ?? Number.NEGATIVE_INFINITY);
    const value = auc(scores, [...judged.values()]);
    if (value !== undefined) values.set(queryId, value);
  }
  return values;
}
