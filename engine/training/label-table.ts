/** Judgements of several labels side by side: a row a pair of query and document, a column a label. */
import { ConfigurationError, type ConfigurationIssue, TrecFormatError } from '../errors.ts';
import type { Qrels } from '../evaluation/trec.ts';
import { type LabelMerging, mergeLabels } from './label-aggregation.ts';
import type { LabelJudgement } from './label-files.ts';

/** What is done with a pair that some labels did not judge. */
export const missingRules = ['drop', 'zero', 'mean'] as const;

/**
 * One of {@link missingRules}: the pair is left out; what was not said counts 0, as of signals such as clicks; or labels
 * that said nothing are given the mean of the others where labels are merged, and stay out of their own measures.
 */
export type MissingRule = (typeof missingRules)[number];

/** A pair of query and document; one entry a label, NaN where the label did not judge it. */
export interface LabelledPair {
  /** Query id. */
  readonly queryId: string;
  /** Document id. */
  readonly docId: string;
  /** Grades as they were given. */
  readonly grades: readonly number[];
  /** Probability that the label calls it relevant, in [0, 1]: 0 or 1 by its grade, or a share of votes. */
  readonly relevance: readonly number[];
}

/** Labels side by side. */
export interface LabelTable {
  /** Names, in the order of their first judgements. */
  readonly labels: readonly string[];
  /** Pairs, in the order of their first judgements. */
  readonly pairs: readonly LabelledPair[];
  /** Pairs that were left out, since a label did not judge them. */
  readonly dropped: number;
}

/** Options of {@link toLabelTable}. */
export interface LabelTableOptions {
  /** Grade from which a label calls a document relevant; shares of votes do not need it. @defaultValue 1 */
  readonly relevantFrom?: number;
  /** What is done with pairs that some labels did not judge. @defaultValue `drop` */
  readonly missing?: MissingRule;
}

/**
 * Puts judgements side by side.
 *
 * @throws TrecFormatError for a judgement that contradicts an earlier one. @throws ConfigurationError naming file and line
 * where there are fewer than two labels, where labels share no pair, or where a label says the same of every pair.
 */
export function toLabelTable(
  judgements: readonly LabelJudgement[],
  { relevantFrom = 1, missing = 'drop' }: LabelTableOptions = {},
): LabelTable {
  const firsts = new Map<string, LabelJudgement>();
  for (const judgement of judgements)
    if (!firsts.has(judgement.label)) firsts.set(judgement.label, judgement);
  const labels = [...firsts.keys()];
  if (labels.length < 2) {
    const place = judgements[0] ? placeOf(judgements[0]) : '';
    throw problem([{ path: place, message: `expected two labels or more, found ${labels[0] ?? 'none'}` }]);
  }
  const cells = cellsOf(judgements, labels);
  const all = [...cells.values()].map((row) => toPair(row, { relevantFrom, missing }));
  const pairs = missing === 'drop' ? all.filter(({ grades }) => !grades.some(Number.isNaN)) : all;
  const issues = pairs.length === 0 ? [noSharedPair(firsts)] : oneSided({ labels, pairs }, firsts);
  if (issues.length > 0) throw problem(issues);
  return { labels, pairs, dropped: all.length - pairs.length };
}

type Row = readonly (LabelJudgement | undefined)[];

/** Judgements by pair, then by label. */
function cellsOf(judgements: readonly LabelJudgement[], labels: readonly string[]): Map<string, Row> {
  const columns = new Map(labels.map((label, k) => [label, k]));
  const rows = new Map<string, (LabelJudgement | undefined)[]>();
  for (const judgement of judgements) {
    const { queryId, docId, label, grade, total, path, line, text } = judgement;
    const key = `${queryId}\t${docId}`;
    const row = rows.get(key) ?? labels.map(() => undefined);
    const k = columns.get(label)!;
    const before = row[k] ?? judgement;
    if (before.grade !== grade || before.total !== total) {
      const expected = `one judgement of document "${docId}" for query "${queryId}" by "${label}", and ${placeOf(before)} says ${before.grade}`;
      throw new TrecFormatError({ path, line, text, expected });
    }
    row[k] = before;
    rows.set(key, row);
  }
  return rows;
}

function toPair(row: Row, { relevantFrom, missing }: Required<LabelTableOptions>): LabelledPair {
  const { queryId, docId } = row.find((cell) => cell !== undefined)!;
  const nothing = missing === 'zero' ? 0 : Number.NaN;
  return {
    queryId,
    docId,
    grades: row.map((cell) => cell?.grade ?? nothing),
    relevance: row.map((cell) => {
      if (!cell) return nothing;
      return cell.total === undefined ? Number(cell.grade >= relevantFrom) : cell.grade / cell.total;
    }),
  };
}

function noSharedPair(firsts: ReadonlyMap<string, LabelJudgement>): ConfigurationIssue {
  const examples = [...firsts.values()].map(
    ({ label, queryId, docId, path, line }) =>
      `"${label}" judges "${docId}" for query "${queryId}" ("${path}", line ${line})`,
  );
  const message = `no pair of query and document is judged by every label: ${examples.join('; ')}; are these labels of other queries? Pairs that a label did not judge are left out, unless "missing" is "mean" or "zero"`;
  return { path: placeOf([...firsts.values()].at(-1)!), message };
}

/** Labels that part no document from another. */
function oneSided(
  { labels, pairs }: Pick<LabelTable, 'labels' | 'pairs'>,
  firsts: ReadonlyMap<string, LabelJudgement>,
): ConfigurationIssue[] {
  return labels.flatMap((label, k) => {
    const own = pairs.map(({ relevance }) => relevance[k]!).filter((p) => !Number.isNaN(p));
    const side = own.every((p) => p === 0) ? 'none' : own.every((p) => p === 1) ? 'each' : undefined;
    if (side === undefined) return [];
    const message = `expected relevant and other documents of the label "${label}", and it calls ${side} of its ${own.length} relevant`;
    return [{ path: placeOf(firsts.get(label)!), message }];
  });
}

/** Row values without gaps: a label that did not judge the pair is given the mean of those that did. */
export function withoutGaps(row: readonly number[]): number[] {
  const said = row.filter((value) => !Number.isNaN(value));
  const mean = said.reduce((sum, value) => sum + value, 0) / said.length;
  return row.map((value) => (Number.isNaN(value) ? mean : value));
}

/** What is merged. */
export interface MergeOptions {
  /** How. */
  readonly merging: LabelMerging;
  /** `a_k` in the order of the labels. @defaultValue 1 each */
  readonly weights?: readonly number[];
  /** Whether grades are merged, in place of relevant or not. @defaultValue false */
  readonly usesGrades?: boolean;
}

/** The merged label of every pair, in the table's order. @throws RangeError as `mergeLabels` does. */
export function mergeTable(
  { pairs }: Pick<LabelTable, 'pairs'>,
  { merging, weights, usesGrades = false }: MergeOptions,
): number[] {
  return pairs.map(({ grades, relevance }) =>
    mergeLabels(withoutGaps(usesGrades ? grades : relevance), merging, weights),
  );
}

/** Values of pairs as judgements; pairs without one (NaN) are not judged. */
export function toQrels({ pairs }: Pick<LabelTable, 'pairs'>, values: readonly number[]): Qrels {
  const qrels = new Map<string, Map<string, number>>();
  pairs.forEach(({ queryId, docId }, i) => {
    if (Number.isNaN(values[i]!)) return;
    qrels.set(queryId, (qrels.get(queryId) ?? new Map<string, number>()).set(docId, values[i]!));
  });
  return qrels;
}

/** Values as the whole numbers that TREC's files hold, and what they were multiplied by. */
export interface WholeValues {
  /** Whole numbers of 0 or more, in the order of the values; NaN stays. */
  readonly values: readonly number[];
  /** 1, 10, 100 ... 1,000,000. Neither an order nor nDCG depends on it. */
  readonly scale: number;
  /** Whether every value is exact. */
  readonly isExact: boolean;
}

/**
 * Multiplies values by the smallest power of ten that makes all of them whole, at most a million, where they are rounded;
 * a value above 0 stays above 0. Values below 0 become 0.
 */
export function toWholeValues(values: readonly number[]): WholeValues {
  const counted = values.map((value) => Math.max(0, value)); // NaN stays NaN
  const isWhole = (scale: number): boolean =>
    counted.every((value) => {
      const scaled = value * scale;
      return Number.isNaN(value) || Math.abs(scaled - Math.round(scaled)) <= 1e-9 * Math.max(1, scaled);
    });
  const scales = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];
  const exact = scales.find(isWhole);
  const scale = exact ?? scales.at(-1)!;
  return {
    values: counted.map((value) => (value > 0 ? Math.max(1, Math.round(value * scale)) : value)),
    scale,
    isExact: exact !== undefined,
  };
}

const placeOf = ({ path, line }: LabelJudgement): string => `"${path}", line ${line}`;

const problem = (issues: readonly ConfigurationIssue[]): ConfigurationError =>
  new ConfigurationError('Cannot use the labels', issues);
