/** What judgements of several labels say before anything is trained: who is rare, who disagrees, and who would win. */
import { auc, aucPerQuery } from '../evaluation/auc.ts';
import { evaluateRun, type Measure, mean } from '../evaluation/measures.ts';
import type { Run } from '../evaluation/trec.ts';
import { type Aggregation, aggregations, lossWeights } from './label-aggregation.ts';
import { type LabelTable, mergeTable, toQrels } from './label-table.ts';

/** One label. */
export interface LabelSummary {
  /** Its name. */
  readonly name: string;
  /** Pairs that it judged. */
  readonly judged: number;
  /** `pi_k`: the share that it calls relevant. */
  readonly marginal: number;
  /** `a_k`: what the user says it weighs. */
  readonly weight: number;
  /** `alpha_k = a_k / (pi_k (1 - pi_k))`: what it weighs where losses are added. */
  readonly lossWeight: number;
  /** Its part of the sum of all `alpha`. */
  readonly share: number;
}

/** Two labels where they disagree, all others being equal. */
export interface LabelConflict {
  /** Their names. */
  readonly labels: readonly [string, string];
  /** Pairs that both judged. */
  readonly judged: number;
  /** Pairs that the first alone calls relevant; expected ones where labels are shares. */
  readonly firstOnly: number;
  /** Pairs that the second alone calls relevant. */
  readonly secondOnly: number;
  /** Whose document is put first, by aggregation; `undefined` for a tie. */
  readonly winners: Readonly<Record<Aggregation, string | undefined>>;
}

/** How one order serves each label. */
export interface LabelBalance {
  /** AUC by label. */
  readonly auc: Readonly<Record<string, number>>;
  /** Largest less smallest. */
  readonly gap: number;
  /** Smallest. */
  readonly min: number;
}

/** What the judgements alone say. */
export interface LabelReport {
  /** Pairs that count. */
  readonly pairs: number;
  /** Pairs left out, since a label did not judge them. */
  readonly dropped: number;
  /** Each label. */
  readonly labels: readonly LabelSummary[];
  /** Each two labels. */
  readonly conflicts: readonly LabelConflict[];
  /** The label whose `alpha` is larger than all others' together: with `loss`, it alone orders what it parts. */
  readonly dictator?: string;
  /** AUC over all pairs that a model would reach which learned the aggregation without a fault. */
  readonly predicted: Readonly<Record<Aggregation, LabelBalance>>;
  /** Where merging labels is the worse choice: see {@link worseThanLoss}. */
  readonly worseThanLoss: readonly Aggregation[];
}

/** Options of {@link labelReport}. */
export interface LabelReportOptions {
  /** `a_k` in the order of the labels. @defaultValue 1 each */
  readonly weights?: readonly number[];
  /** Whether sum, product and weighted merge grades. @defaultValue false: relevant or not */
  readonly usesGrades?: boolean;
}

/**
 * The report. Its prediction is the AUC of the best scores of Propositions 5.2 and 5.4 (arXiv:2504.11284), with each
 * label's own judgements, 0 and 1 or shares of votes, as `P(Y_k = 1 | x)`. Judgements of 0 and 1 look certain: then noise is not
 * in the prediction, and what a model can learn of a rare, noisy label is less ({@link worseThanLoss} of a fit tells).
 *
 * @throws RangeError for weights that are no weights.
 */
export function labelReport(table: LabelTable, options: LabelReportOptions = {}): LabelReport {
  const { weights = table.labels.map(() => 1) } = options;
  const columns = table.labels.map((_, k) => columnOf(table, k));
  const marginals = columns.map((column) => mean(column.filter((p) => !Number.isNaN(p))));
  const alphas = lossWeights(marginals, weights);
  const all = alphas.reduce((sum, alpha) => sum + alpha, 0);
  const labels = table.labels.map((name, k) => ({
    name,
    judged: columns[k]!.filter((p) => !Number.isNaN(p)).length,
    marginal: marginals[k]!,
    weight: weights[k]!,
    lossWeight: alphas[k]!,
    share: alphas[k]! / all,
  }));
  const dictator = labels.find(({ share }) => share > 0.5 + 1e-12);
  const predicted = predictedBalances(table, { ...options, weights, alphas });
  return {
    pairs: table.pairs.length,
    dropped: table.dropped,
    labels,
    conflicts: conflictsOf(labels, columns),
    ...(dictator && { dictator: dictator.name }),
    predicted,
    worseThanLoss: worseThanLoss(predicted),
  };
}

/** A label's relevances; NaN where it judged nothing. */
function columnOf({ pairs }: LabelTable, k: number): number[] {
  return pairs.map(({ relevance }) => relevance[k]!);
}

function conflictsOf(
  labels: readonly LabelSummary[],
  columns: readonly (readonly number[])[],
): LabelConflict[] {
  return labels.flatMap((first, j) =>
    labels.slice(j + 1).map((second, offset): LabelConflict => {
      let [judged, firstOnly, secondOnly] = [0, 0, 0];
      columns[j]!.forEach((p, i) => {
        const q = columns[j + 1 + offset]![i]!;
        if (Number.isNaN(p + q)) return;
        judged += 1;
        firstOnly += p * (1 - q);
        secondOnly += q * (1 - p);
      });
      const winner = (key: 'lossWeight' | 'weight'): string | undefined => {
        if (Math.abs(first[key] - second[key]) <= 1e-12 * (first[key] + second[key])) return undefined;
        return first[key] > second[key] ? first.name : second.name;
      };
      const winners = {
        sum: undefined,
        product: undefined,
        weighted: winner('weight'),
        loss: winner('lossWeight'),
      };
      return { labels: [first.name, second.name], judged, firstOnly, secondOnly, winners };
    }),
  );
}

function predictedBalances(
  table: LabelTable,
  {
    weights,
    alphas,
    usesGrades = false,
  }: LabelReportOptions & { readonly weights: readonly number[]; readonly alphas: readonly number[] },
): Record<Aggregation, LabelBalance> {
  const scores = (aggregation: Aggregation): number[] =>
    aggregation === 'loss'
      ? mergeTable(table, { merging: 'weighted', weights: alphas })
      : mergeTable(table, { merging: aggregation, weights, usesGrades });
  const entries = aggregations.map((aggregation) => [aggregation, balanceOver(table, scores(aggregation))]);
  return Object.fromEntries(entries) as Record<Aggregation, LabelBalance>;
}

/** How an order by scores, one a pair of the table, serves each label over all pairs that it judged. */
export function balanceOver(table: LabelTable, scores: readonly number[]): LabelBalance {
  return toBalance(
    table.labels.map((name, k) => {
      const relevance = columnOf(table, k);
      const own = [...relevance.keys()].filter((i) => !Number.isNaN(relevance[i]!));
      const value = auc(
        own.map((i) => scores[i]!),
        own.map((i) => relevance[i]!),
      );
      return [name, value ?? 0.5] as const;
    }),
  );
}

/** Gap and minimum of one AUC a label. */
export function toBalance(entries: readonly (readonly [string, number])[]): LabelBalance {
  const values = entries.map(([, value]) => value);
  const min = Math.min(...values);
  return { auc: Object.fromEntries(entries), gap: Math.max(...values) - min, min };
}

/** Smallest difference of a minimum AUC that is told: the paper's own tables have two or three digits. */
const leastDifference = 0.01;

/**
 * Aggregations that are a worse choice than `loss`: the label that they serve least has an AUC that is smaller by .01 or
 * more than that of the label that `loss` serves least.
 */
export function worseThanLoss(balances: Readonly<Partial<Record<Aggregation, LabelBalance>>>): Aggregation[] {
  const { loss } = balances;
  return aggregations.filter((name) => {
    const own = balances[name];
    return loss !== undefined && own !== undefined && own.min <= loss.min - leastDifference;
  });
}

/** How a run serves each label. */
export interface MeasuredLabels extends LabelBalance {
  /** Mean of the measure by label, over the queries with a document that the label calls relevant. */
  readonly measure: Readonly<Record<string, number>>;
  /** Largest less smallest mean of the measure. */
  readonly measureGap: number;
  /** Smallest mean of the measure. */
  readonly measureMin: number;
  /** Queries that count in the AUC, by label: those with a relevant and another document. */
  readonly queries: Readonly<Record<string, number>>;
}

/**
 * Measures a run by each label: AUC, mean over queries, on relevant or not; the measure on grades, or on relevances where
 * grades do not count.
 */
export function measureLabels(
  run: Run,
  table: LabelTable,
  { measure, usesGrades = false }: { readonly measure: Measure; readonly usesGrades?: boolean },
): MeasuredLabels {
  const each = table.labels.map((name, k) => {
    const relevance = columnOf(table, k);
    const grades = usesGrades ? table.pairs.map((pair) => pair.grades[k]!) : relevance;
    const byQuery = aucPerQuery(run, toQrels(table, relevance));
    const qrels = toQrels(table, grades);
    return {
      name,
      auc: mean(byQuery.values()),
      queries: byQuery.size,
      value: mean(evaluateRun(run, { qrels }, measure).values()),
    };
  });
  const measured = toBalance(each.map(({ name, value }) => [name, value] as const));
  return {
    ...toBalance(each.map(({ name, auc }) => [name, auc] as const)),
    measure: measured.auc,
    measureGap: measured.gap,
    measureMin: measured.min,
    queries: Object.fromEntries(each.map(({ name, queries }) => [name, queries])),
  };
}
