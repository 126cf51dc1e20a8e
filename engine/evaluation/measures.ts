/**
 * Ranking measures with trec_eval's conventions: documents in descending order of score, equal scores by document
 * id descending; documents that are not judged are not relevant; a query without an answer counts 0; queries
 * without a relevant document are left out.
 */
import type { Qrels, Run, RunEntry } from './trec.ts';

/** A measure, e.g. `nDCG@10`. */
export interface Measure {
  /** The measure's name as it is written. */
  readonly name: string;
  /** The value for one query, in [0, 1]. */
  readonly value: (gains: readonly number[], ideal: readonly number[]) => number;
}

const kinds: Readonly<Record<string, (cutoff: number) => Measure['value']>> = {
  // Järvelin and Kekäläinen 2002, as trec_eval's ndcg_cut: linear gain, discount log2(rank + 1).
  nDCG: (cutoff) => (gains, ideal) => {
    const best = discounted(ideal, cutoff);
    return best === 0 ? 0 : discounted(gains, cutoff) / best;
  },
  // Reciprocal rank of the first relevant document.
  RR: (cutoff) => (gains) => {
    const first = gains.slice(0, cutoff).findIndex(isRelevant);
    return first === -1 ? 0 : 1 / (first + 1);
  },
  // Average precision: mean over the relevant documents of the precision at each one's rank.
  AP: (cutoff) => (gains, ideal) => {
    let found = 0;
    let sum = 0;
    gains.slice(0, cutoff).forEach((gain, i) => {
      if (!isRelevant(gain)) return;
      found += 1;
      sum += found / (i + 1);
    });
    return sum / ideal.filter(isRelevant).length;
  },
  P: (cutoff) => (gains) => gains.slice(0, cutoff).filter(isRelevant).length / cutoff,
  R: (cutoff) => (gains, ideal) =>
    gains.slice(0, cutoff).filter(isRelevant).length / ideal.filter(isRelevant).length,
};

const isRelevant = (gain: number): boolean => gain > 0;

function discounted(gains: readonly number[], cutoff: number): number {
  return gains.slice(0, cutoff).reduce((sum, gain, i) => sum + Math.max(0, gain) / Math.log2(i + 2), 0);
}

/**
 * Reads a measure's name: `nDCG@k`, `RR@k`, `AP`, `P@k`, `R@k`; without a cutoff the whole list counts.
 *
 * @throws RangeError for any other name.
 */
export function parseMeasure(name: string): Measure {
  const [, kind = '', cutoff] = /^(\w+?)(?:@(\d+))?$/.exec(name) ?? [];
  const make = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  const depth = cutoff === undefined ? Number.POSITIVE_INFINITY : Number(cutoff);
  if (!make || depth < 1 || (kind === 'P' && cutoff === undefined)) {
    throw new RangeError(`expected nDCG@k, RR@k, AP, P@k or R@k, got ${JSON.stringify(name)}`);
  }
  return { name, value: make(depth) };
}

/** Values of one measure by query id: every query of the judgements with a relevant document. */
export type PerQuery = ReadonlyMap<string, number>;

/** The judgements that a run is measured against. */
export interface Judgements {
  /** The gain of each document. */
  readonly qrels: Qrels;
  /** The judgements that give the ideal order. @defaultValue `qrels` */
  readonly idealQrels?: Qrels;
}

/** Measures a run, query by query. @throws RangeError when a ranking names a document twice: it would count twice. */
export function evaluateRun(run: Run, { qrels, idealQrels = qrels }: Judgements, measure: Measure): PerQuery {
  const values = new Map<string, number>();
  for (const [queryId, judged] of qrels) {
    const ideal = [...(idealQrels.get(queryId) ?? judged).values()].sort((a, b) => b - a);
    if (!ideal.some(isRelevant)) continue;
    const entries = run.get(queryId) ?? [];
    assertOnce(queryId, entries);
    const gains = inTrecOrder(entries).map(({ docId }) => judged.get(docId) ?? 0);
    values.set(queryId, measure.value(gains, ideal));
  }
  return values;
}

function assertOnce(queryId: string, entries: readonly RunEntry[]): void {
  const seen = new Set<string>();
  for (const { docId } of entries) {
    if (seen.has(docId)) {
      throw new RangeError(
        `evaluateRun: expected each document once, got "${docId}" twice for "${queryId}".`,
      );
    }
    seen.add(docId);
  }
}

/** trec_eval's order: by score, then by document id, both descending; the file's own ranks are not read. */
function inTrecOrder(entries: readonly RunEntry[]): RunEntry[] {
  return [...entries].sort((a, b) => b.score - a.score || (a.docId < b.docId ? 1 : -1));
}

/** Mean over queries; 0 for none. */
export function mean(values: Iterable<number>): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    sum += value;
    count += 1;
  }
  return count === 0 ? 0 : sum / count;
}
