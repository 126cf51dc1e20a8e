/** From the states of a shortlist to its ranking: the readout, an order, explanations. */
import { abortable } from '../../abortable.ts';
import type {
  BlockState,
  Explanation,
  Ranking,
  RankingUsage,
  RerankOptions,
  Shortlist,
} from '../../contract.ts';
import { type ReadoutHeads, tokenQuery } from '../../readout/heads.ts';
import type { QueryState, ReadoutParameters } from '../../readout/parameters.ts';
import { type ReadoutResult, readOut } from '../../readout/readout.ts';
import { type ScoredCandidate, toRanking } from '../../scores/ranking.ts';
import type { EncodedTexts } from '../../states/state-encoder.ts';
import type { EncoderWorkers } from './encoder-workers.ts';
import type { DocumentMass } from './spans.ts';

/** What reads states. */
export interface StateReader {
  /** Reading and scoring. */
  readonly readout: ReadoutParameters;
  /** Trained parts of it. @defaultValue none */
  readonly heads?: ReadoutHeads | undefined;
  /** Workers that compute the token head. */
  readonly workers: EncoderWorkers;
}

/** States of a shortlist. */
interface ReadStates {
  /** The query block's. */
  readonly query: QueryState;
  /** One a candidate. */
  readonly encoded: EncodedTexts;
}

/** Ranks a shortlist by its states. */
export async function rankStates(
  reader: StateReader,
  { query, encoded }: ReadStates,
  shortlist: Shortlist,
  { signal, explain: isExplained }: Pick<RerankOptions, 'signal' | 'explain'>,
): Promise<Ranking> {
  const usage = toUsage(query, encoded);
  const { states } = encoded;
  if (states.length === 0) return { candidates: [], usage };
  const { readout, heads } = reader;
  const logSums = await tokenLogSums(reader, query, states, signal);
  const result = readOut(query, states, readout, { logSums, heads });
  const texts = shortlist.candidates.map(({ text }) => text);
  const masses =
    isExplained && logSums
      ? await abortable(
          reader.workers.spans(tokenQuery(query, heads), { states, texts, logSums }, readout.tokenTau),
          signal,
        )
      : [];
  const scored = states.map(
    (_state, index): ScoredCandidate => ({
      index,
      logit: result.logits[index]!,
      calibratedScore: result.calibratedScores[index]!,
      ...(isExplained ? { explanation: toExplanation(result, index, masses[index]) } : {}),
    }),
  );
  return toRanking(scored, usage);
}

/** The token head's numerators; undefined where it plays no part. */
async function tokenLogSums(
  { readout, heads, workers }: StateReader,
  query: QueryState,
  states: readonly BlockState[],
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  const { tokenWeight, tokenTau } = readout;
  if (tokenWeight === 0 || states.some(({ tokens }) => tokens === undefined)) return undefined;
  return abortable(workers.tokenLogSums(tokenQuery(query, heads), states, tokenTau), signal);
}

function toExplanation(result: ReadoutResult, index: number, masses: DocumentMass | undefined): Explanation {
  const tokenLogit = result.tokenLogits?.[index];
  const listLogit = result.listLogits?.[index];
  return {
    anchorLogit: result.anchorLogits[index]!,
    ...(tokenLogit === undefined ? {} : { tokenLogit }),
    ...(listLogit === undefined ? {} : { listLogit }),
    readingWeight: result.readingWeights[index]!,
    ...(masses ?? { spans: [] }),
  };
}

function toUsage(
  query: QueryState,
  { states, statesFound, statesEncoded, storedStates }: EncodedTexts,
): RankingUsage {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    tokens: query.blockTokens + sum(states.flatMap(({ blockTokens }) => blockTokens)),
    truncatedTokens: query.truncatedTokens + sum(states.map(({ truncatedTokens }) => truncatedTokens)),
    statesFound,
    statesEncoded,
    ...(storedStates && { storedStates }),
  };
}
