/** Judged queries of a fit as precedents, and how much they are to weigh. */
import { QueryError } from '../../errors.ts';
import { type Measure, mean } from '../../evaluation/measures.ts';
import { isClearLead } from '../../evaluation/significance.ts';
import type { JudgedQuery } from '../../model/precedents-file.ts';
import { type PrecedentKernel, type Precedents, precedentLogits } from '../../readout/precedents.ts';
import type { EncoderReranker } from '../../rerank/encoder/encoder-reranker.ts';
import { rankLogits } from '../../scores/ranking.ts';
import { measureFused } from '../measure-fused.ts';
import type { FitList } from './fit-list.ts';

/** Weights and bandwidths that are tried; of two that are as good the first is taken. */
const weights = [1, 2, 4, 8, 16];
const bandwidths = [0.03, 0.05, 0.07];
/** A first guess, not searched: about what a single judged query of cosine .77 says at the middle bandwidth. */
const prior = 0.01;

/** The anchor of a list's query; undefined where the model cannot read it. */
export async function queryAnchor(
  reranker: EncoderReranker,
  { shortlist }: FitList,
): Promise<Float32Array | undefined> {
  try {
    const { query } = await reranker.encode({ ...shortlist, candidates: [] });
    return query.anchor;
  } catch (error) {
    if (error instanceof QueryError) return undefined;
    throw error;
  }
}

/** Judged queries of lists; those that the model cannot read are left out. */
export async function judgedQueries(
  reranker: EncoderReranker,
  lists: readonly FitList[],
): Promise<JudgedQuery[]> {
  const queries: JudgedQuery[] = [];
  for (const each of lists) {
    const anchor = await queryAnchor(reranker, each);
    if (anchor) queries.push({ queryId: each.list.queryId, anchor, relevant: each.relevant });
  }
  return queries;
}

/** A list with its model's logits. */
export interface ScoredFitList {
  readonly fitList: FitList;
  /** Anchor of its query. */
  readonly anchor: Float32Array;
  /** Logits before precedents, one a candidate. */
  readonly logits: ArrayLike<number>;
}

/** How a list is measured. */
export interface FusedMeasure {
  /** The first stage's share. */
  readonly share: number;
  readonly measure: Measure;
}

/** Value of a list in the order of logits; 0 for one without candidates. */
export function measured(list: FitList, logits: ArrayLike<number>, { share, measure }: FusedMeasure): number {
  if (list.shortlist.candidates.length === 0) return 0;
  return measureFused(rankLogits(logits), list, { weight: share, measure });
}

/** What precedents add to each logit. @param except - Name of a judged query that says nothing. @defaultValue all speak */
export function precedentsOf(
  { fitList: { shortlist }, anchor }: Pick<ScoredFitList, 'fitList' | 'anchor'>,
  precedents: Precedents,
  { kernel, except }: { readonly kernel: PrecedentKernel; readonly except?: string },
): number[] {
  const { candidates } = shortlist;
  const call = { anchor, candidates, ...(except !== undefined && { except }) };
  return precedentLogits(precedents, kernel, call).map(({ logit }) => logit);
}

/**
 * What precedents are to weigh: each list is measured with the others as its precedents. The kernel with the largest mean is
 * taken, where its lead over none is larger than one standard error of the paired differences; else undefined.
 */
export function choosePrecedents(
  precedents: Precedents,
  lists: readonly ScoredFitList[],
  how: FusedMeasure,
): PrecedentKernel | undefined {
  if (lists.length < 2) return undefined;
  const start = lists.map(({ fitList, logits }) => measured(fitList, logits, how));
  let best: { kernel: PrecedentKernel; values: readonly number[] } | undefined;
  for (const bandwidth of bandwidths) {
    const added = lists.map((list) => {
      const kernel = { weight: 1, bandwidth, prior };
      return precedentsOf(list, precedents, { kernel, except: list.fitList.list.queryId });
    });
    for (const weight of weights) {
      const values = lists.map(({ fitList, logits }, i) =>
        measured(
          fitList,
          added[i]!.map((logit, n) => logits[n]! + weight * logit),
          how,
        ),
      );
      if (mean(values) > mean(best?.values ?? start) + 1e-9)
        best = { kernel: { weight, bandwidth, prior }, values };
    }
  }
  return best && isClearLead(best.values, start) ? best.kernel : undefined;
}
