/** Fits probabilities of relevance to judgements, and measures them on lists that they were not fitted to. */
import { auc } from '../evaluation/auc.ts';
import { type EvaluationOptions, toShortlist } from '../evaluation/evaluate-collection.ts';
import { type Reliability, reliabilityOf } from '../evaluation/reliability.ts';
import { readOut } from '../readout/readout.ts';
import type { EncoderReranker } from '../rerank/encoder/encoder-reranker.ts';
import {
  type HitFeatures,
  hitFeatures,
  type LogisticRule,
  lexicalScoresOf,
  listFeatures,
  logOddsOf,
  type RelevanceRules,
  relevanceOf,
} from '../scores/relevance.ts';
import { encodeReadable } from './judged-lists.ts';
import { fitLogistic, type LogisticSample } from './logistic.ts';

/** A judged list as the rules see it. */
export interface RelevanceList {
  /** Name of its collection. */
  readonly set: string;
  /** Features of each document. */
  readonly features: readonly HitFeatures[];
  /** Whether each document is relevant. */
  readonly isRelevant: readonly boolean[];
  /** Each document's score of a lexical first stage, above 0. @defaultValue none */
  readonly lexicalScores?: readonly number[] | undefined;
}

/** Options of {@link relevanceLists}. */
export interface RelevanceListOptions
  extends Pick<EvaluationOptions, 'collection' | 'candidates' | 'firstStage' | 'rankWindowSize'> {
  /** The reranker whose probabilities are fitted; of tier `tokens`. */
  readonly reranker: EncoderReranker;
  /** Smallest judgement that counts as relevant, at least 1. @defaultValue 1 */
  readonly relevantFrom?: number | undefined;
  /** Called after each query. */
  readonly onProgress?: () => void;
  /** Ends the work, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The judged lists of a collection; queries without candidates, or that the model cannot read, are left out. */
export async function relevanceLists(options: RelevanceListOptions): Promise<RelevanceList[]> {
  const lists: RelevanceList[] = [];
  for (const queryId of options.collection.qrels.keys()) {
    const list = await relevanceList(queryId, options);
    if (list) lists.push(list);
    options.onProgress?.();
  }
  return lists;
}

async function relevanceList(
  queryId: string,
  options: RelevanceListOptions,
): Promise<RelevanceList | undefined> {
  const { collection, reranker, signal, relevantFrom = 1 } = options;
  const { readout, heads } = reranker;
  const shortlist = toShortlist(queryId, options);
  if (shortlist.candidates.length === 0) return undefined;
  const encoded = await encodeReadable(reranker, shortlist, signal);
  if (!encoded) return undefined;
  const sums = await reranker.tokenSums(encoded, readout.tokenTau);
  const { cosines } = readOut(encoded.query, encoded.states, readout, { logSums: sums.logSums, heads });
  const judged = collection.qrels.get(queryId)!;
  return {
    set: collection.name,
    features: hitFeatures({
      query: shortlist.query.text,
      texts: shortlist.candidates.map(({ text }) => text),
      states: encoded.states,
      cosines,
      ...sums,
      tau: readout.tokenTau,
    }),
    isRelevant: shortlist.candidates.map(({ docId }) => (judged.get(docId) ?? 0) >= relevantFrom),
    lexicalScores: lexicalScoresOf(shortlist),
  };
}

/** Fewest lists that a rule for lists is fitted to: those that hold relevant documents beside others. */
export const minListsForListRule = 10;

/** Strength of the pull towards the rules that there were: as many documents, or lists. */
const priorDocuments = 30;
const priorLists = 10;

/**
 * Fits the rules. Every collection counts the same. The rules for lists learn from lists that hold a relevant document,
 * each once as it is and once without its relevant documents, that for a lexical first stage from those with its scores;
 * with fewer than {@link minListsForListRule} of them the prior's stays.
 *
 * @param prior - The rules that there were, towards which few judgements are pulled. @defaultValue none
 * @throws RangeError when no document is relevant, or all are.
 */
export function fitRelevance(lists: readonly RelevanceList[], prior?: RelevanceRules): RelevanceRules {
  const sizes = sizesOf(lists);
  const documents = lists.flatMap(({ set, features, isRelevant }) =>
    features.map(
      (each, n): LogisticSample => ({
        features: { ...each },
        label: isRelevant[n]!,
        weight: sizes.weightOf(set),
      }),
    ),
  );
  const hit = fitLogistic(documents, { prior: prior?.hit, ridge: prior ? priorDocuments : 1 });
  const pairs = listPairs(lists);
  const list = fitList(
    pairs.map((pair) => ({ ...pair, lexicalScores: undefined })),
    hit,
    prior?.list,
  );
  const lexicalList = fitList(
    pairs.filter(({ lexicalScores }) => lexicalScores),
    hit,
    prior?.lexicalList,
  );
  return { hit, ...(list && { list }), ...(lexicalList && { lexicalList }) };
}

/** The rule for lists; the prior where there are too few. */
function fitList(
  pairs: readonly HoldingList[],
  hit: LogisticRule,
  prior: LogisticRule | undefined,
): LogisticRule | undefined {
  if (pairs.length < 2 * minListsForListRule) return prior;
  const samples = pairs.map(({ features, lexicalScores, holds }) => {
    const logOdds = features.map((each) => logOddsOf(hit, each));
    const { firstStageLead, ...others } = listFeatures(logOdds, lexicalScores);
    return { features: { ...others, ...(lexicalScores && { firstStageLead }) }, label: holds };
  });
  return fitLogistic(samples, { prior, ridge: prior ? priorLists : 1 });
}

/** Documents of a collection weigh so much that every collection counts the same, and their number stays. */
function sizesOf(lists: readonly RelevanceList[]): { weightOf(set: string): number } {
  const counts = new Map<string, number>();
  for (const { set, features } of lists) counts.set(set, (counts.get(set) ?? 0) + features.length);
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { weightOf: (set) => all / counts.size / counts.get(set)! };
}

/** A list, and whether it holds a relevant document. */
interface HoldingList extends Pick<RelevanceList, 'features' | 'lexicalScores'> {
  readonly holds: boolean;
}

/** Each list that holds relevant documents beside others, and the same list without the relevant ones. */
function listPairs(lists: readonly RelevanceList[]): HoldingList[] {
  return lists.flatMap(({ features, lexicalScores, isRelevant }) => {
    const isOther = (_: unknown, n: number): boolean => !isRelevant[n];
    const others = features.filter(isOther);
    if (others.length === 0 || others.length === features.length) return [];
    return [
      { features, lexicalScores, holds: true },
      { features: others, lexicalScores: lexicalScores?.filter(isOther), holds: false },
    ];
  });
}

/** How good probabilities are. */
export interface RelevanceQuality {
  /** Documents that were looked at, and how many of them are relevant. */
  readonly documents: {
    /** All. */
    readonly count: number;
    /** Those that are relevant. */
    readonly relevant: number;
  };
  /** Of documents. */
  readonly hits: Reliability & {
    /** How often a relevant document has more than another one, over all lists, in [0, 1]. */
    readonly auc: number | undefined;
  };
  /** Of lists with and without their relevant documents; absent without a rule, or without such lists. */
  readonly lists?: Reliability & {
    /** How often a list with relevant documents has more than one without, in [0, 1]. */
    readonly auc: number | undefined;
    /** How many lists there are, each counted twice. */
    readonly count: number;
  };
}

/** Probabilities with what came true. */
interface Predictions {
  readonly probabilities: number[];
  readonly labels: boolean[];
}

/** Measures rules on lists. @throws RangeError for lists without documents. */
export function measureRelevance(
  lists: readonly RelevanceList[],
  rulesOf: (index: number) => RelevanceRules,
): RelevanceQuality {
  const hits: Predictions = { probabilities: [], labels: [] };
  const holding: Predictions = { probabilities: [], labels: [] };
  lists.forEach((list, index) => {
    const rules = rulesOf(index);
    hits.probabilities.push(...relevanceOf(rules, list.features).hits);
    hits.labels.push(...list.isRelevant);
    for (const { features, lexicalScores, holds } of listPairs([list])) {
      const probability = relevanceOf(rules, features, lexicalScores).list;
      if (probability === undefined) continue;
      holding.probabilities.push(probability);
      holding.labels.push(holds);
    }
  });
  const count = hits.labels.length;
  const relevant = hits.labels.filter(Boolean).length;
  return {
    documents: { count, relevant },
    hits: quality(hits),
    ...(holding.labels.length > 0 && { lists: { ...quality(holding), count: holding.labels.length } }),
  };
}

function quality({ probabilities, labels }: Predictions): Reliability & { auc: number | undefined } {
  return { ...reliabilityOf(probabilities, labels), auc: auc(probabilities, labels.map(Number)) };
}

/**
 * Measures what {@link fitRelevance} gives on lists that it did not see: each fold in turn is held out.
 *
 * @param folds - At least 2; never more than there are lists.
 * @throws RangeError where fewer than two lists hold relevant documents, or fewer than two hold others.
 */
export function crossValidateRelevance(
  lists: readonly RelevanceList[],
  { prior, folds = 5 }: { readonly prior?: RelevanceRules | undefined; readonly folds?: number } = {},
): RelevanceQuality {
  const parts = Math.min(folds, lists.length);
  // Lists in turns by what they hold: so no fold has all that is relevant, nor all that is not.
  const shares = lists.map(({ isRelevant }) => isRelevant.filter(Boolean).length / isRelevant.length);
  const order = [...lists.keys()].sort((a, b) => shares[b]! - shares[a]!);
  const foldOf = new Map(order.map((index, rank) => [index, rank % parts]));
  const rules = Array.from({ length: parts }, (_, fold) =>
    fitRelevance(
      lists.filter((_list, index) => foldOf.get(index) !== fold),
      prior,
    ),
  );
  return measureRelevance(lists, (index) => rules[foldOf.get(index)!]!);
}
