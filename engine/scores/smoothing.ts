/** Smoothing: documents that are alike get scores that are alike. */
import type { Ranking, ScoreStep, Shortlist } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import { choiceCheck, numberCheck, optionIssues, type ValueCheck, wholeCheck } from '../option-checks.ts';
import type { OptionNames } from '../option-names.ts';
import type { CrfList, CrfWeights } from './continuous-crf.ts';
import { zScores } from './fusion-scores.ts';
import { listEmbeddings } from './list-embeddings.ts';
import { neighbourEdges } from './neighbour-edges.ts';
import { withCandidates } from './ranking.ts';
import { isRead } from './unread.ts';

/** Options of {@link smoothing}. */
export interface SmoothingOptions {
  /** Weight of an edge of similarity 1, beside unaries whose weights sum to 1; at least 0. */
  readonly edgeWeight: number;
  /** The first stage's share of the unaries, in [0, 1], of a lexical first stage; the model's is the rest. @defaultValue 0.2 */
  readonly firstStageWeight?: number | undefined;
  /** Nearest documents of each one that it has edges to; at least 1. @defaultValue 10 */
  readonly neighbours?: number | undefined;
  /**
   * What tells that documents are alike: the free embedder, or the model's anchors, which encodes documents that are not
   * encoded yet. @defaultValue `embeddings`
   */
  readonly edges?: 'embeddings' | 'anchors' | undefined;
  /** Iterations of mean field, at least 1; 0: the exact solution. @defaultValue 0 */
  readonly iterations?: number | undefined;
}

const checks: Readonly<Record<keyof OptionNames<SmoothingOptions>, ValueCheck>> = {
  edgeWeight: numberCheck({ least: 0, expected: 'a number of at least 0' }),
  firstStageWeight: numberCheck({ least: 0, most: 1, expected: 'a number in [0, 1]' }),
  neighbours: wholeCheck(1),
  edges: choiceCheck(['embeddings', 'anchors']),
  iterations: wholeCheck(0),
};

/** Everything that is wrong with the options of {@link smoothing}. */
export function smoothingIssues(options: unknown): readonly ConfigurationIssue[] {
  return optionIssues(options, checks, ['edgeWeight']);
}

/**
 * A score step in place of `fusion`: a continuous conditional random field over the list, whose unaries are the model's
 * logit and the first stage's score (z-scores, as in fusion), and whose edges join documents that are alike. With an edge
 * weight of 0 its order is that of fusion.
 *
 * Candidates that were not read have no unary of the model: what their neighbours got speaks for them. So the step also
 * completes a list of which only a part was read. A list of one, and one whose reranker has neither embedder nor anchors,
 * passes through.
 *
 * @throws ConfigurationError listing every option that cannot be.
 */
export function smoothing(options: SmoothingOptions): ScoreStep {
  const issues = smoothingIssues(options);
  if (issues.length > 0) throw new ConfigurationError('Cannot make the smoothing', issues);
  const { neighbours = 10, edges: source = 'embeddings' } = options;
  return async (ranking, shortlist, context) => {
    if (ranking.candidates.length < 2) return ranking;
    const embeddings = await listEmbeddings(source, shortlist, context);
    if (!embeddings) return ranking;
    const list = toCrfList(ranking, shortlist, neighbourEdges(embeddings, neighbours));
    return list ? smoothed(ranking, list, options) : ranking;
  };
}

/** Unaries of the field, in shortlist order: the model's z-scores and the first stage's; undefined where neither says anything. */
export function toCrfList(ranking: Ranking, shortlist: Shortlist, edges: Float64Array): CrfList | undefined {
  const logits: number[] = shortlist.candidates.map(() => Number.NaN);
  const read = ranking.candidates.filter(isRead);
  const model = zScores(read.map(({ logit }) => logit));
  read.forEach(({ index }, i) => {
    logits[index] = model![i]!;
  });
  const isLexical = shortlist.firstStage === 'lexical';
  const scores = shortlist.candidates.map(({ firstStageScore = Number.NaN }) => firstStageScore);
  const firstStage = isLexical ? zScores(scores) : undefined;
  if (!model && !firstStage) return undefined;
  return { unaries: [logits, firstStage ?? scores.map(() => Number.NaN)], edges };
}

/** Weights of the options. */
export function toCrfWeights({ edgeWeight, firstStageWeight = 0.2 }: SmoothingOptions): CrfWeights {
  return { unaries: [1 - firstStageWeight, firstStageWeight], edges: edgeWeight };
}

async function smoothed(ranking: Ranking, list: CrfList, options: SmoothingOptions): Promise<Ranking> {
  // Loads linear algebra, which rerankers without smoothing do without.
  const { crfMeanField, crfScores } = await import('./continuous-crf.ts');
  const { iterations = 0 } = options;
  const weights = toCrfWeights(options);
  const scores = iterations === 0 ? crfScores(list, weights) : crfMeanField(list, weights, iterations);
  return withCandidates(
    ranking,
    ranking.candidates.map((candidate) => ({ ...candidate, logit: scores[candidate.index]! })),
  );
}
