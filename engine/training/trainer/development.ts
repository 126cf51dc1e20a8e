/** How good a model in training is on lists that it does not learn from. */
import type { Shortlist } from '../../contract.ts';
import { type Measure, mean } from '../../evaluation/measures.ts';
import { rankLogits } from '../../scores/ranking.ts';
import { measureFused } from '../measure-fused.ts';
import { inOrder } from './in-order.ts';
import type { TrainingList } from './training-list.ts';

/** Means over lists. */
export interface DevelopmentValue {
  /** Mean over collections: each counts the same. */
  readonly value: number;
  /** Mean over the lists of each collection. */
  readonly bySet: Readonly<Record<string, number>>;
}

/** Options of {@link measureLists}. */
export interface DevelopmentOptions {
  /** Lists; those without a relevant document do not count. */
  readonly lists: readonly TrainingList[];
  /** What is measured. */
  readonly measure: Measure;
  /** Share of the first stage in the fused order, in [0, 1]. */
  readonly fusionWeight: number;
  /** Logits of a list, in its order. */
  readonly logits: (list: TrainingList) => Promise<ArrayLike<number>>;
  /** Lists that are scored at once. */
  readonly atOnce: number;
}

/** Measures lists in the order that a model gives them, fused with the first stage as it is when serving. */
export async function measureLists(options: DevelopmentOptions): Promise<DevelopmentValue> {
  const { lists, logits, atOnce } = options;
  const counted = lists.filter(({ documents }) => documents.some(({ gain = 0 }) => gain > 0));
  const bySet = new Map<string, number[]>();
  await inOrder(counted, { atOnce, work: logits }, (numbers, i) => {
    const list = counted[i]!;
    const values = bySet.get(list.set) ?? [];
    bySet.set(list.set, values);
    values.push(measureList(list, numbers, options));
  });
  const means = [...bySet].map(([set, values]) => [set, mean(values)] as const);
  return { value: mean(means.map(([, each]) => each)), bySet: Object.fromEntries(means) };
}

/** The measure of one list in the order of its fused logits; equal ones stand in the list's order. */
function measureList(
  { queryId, query, documents, idealGains }: TrainingList,
  logits: ArrayLike<number>,
  { measure, fusionWeight }: Pick<DevelopmentOptions, 'measure' | 'fusionWeight'>,
): number {
  const gains = documents.map(({ gain = 0 }) => gain);
  const shortlist: Shortlist = {
    query: { queryId, text: query },
    firstStage: 'lexical',
    candidates: documents.map(({ docId, firstStageScore }) => ({
      docId,
      text: '',
      segments: [],
      ...(firstStageScore !== undefined && { firstStageScore }),
    })),
  };
  const ideal = idealGains ?? [...gains].sort((a, b) => b - a);
  return measureFused(rankLogits(logits), { shortlist, gains, ideal }, { weight: fusionWeight, measure });
}
