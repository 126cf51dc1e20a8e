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
import { longestTimerMs } from '../../longest-timer.ts';
import { type ReadoutHeads, tokenQuery } from '../../readout/heads.ts';
import type { QueryState, ReadoutParameters } from '../../readout/parameters.ts';
import { type PrecedentLogit, precedentLogits, type WeighedPrecedents } from '../../readout/precedents.ts';
import { type ReadoutResult, readOut } from '../../readout/readout.ts';
import { type ScoredCandidate, toRanking } from '../../scores/ranking.ts';
import {
  hitFeatures,
  lexicalScoresOf,
  type Relevance,
  type RelevanceRules,
  relevanceOf,
} from '../../scores/relevance.ts';
import { unreadLogits } from '../../scores/unread.ts';
import type { ReadTexts } from '../../states/list-states.ts';
import type { EncoderWorkers } from './encoder-workers.ts';
import type { DocumentMass } from './spans.ts';
import type { TokenSums } from './token-products.ts';

/** What reads states. */
export interface StateReader {
  /** Reading and scoring. */
  readonly readout: ReadoutParameters;
  /** Trained parts of it. @defaultValue none */
  readonly heads?: ReadoutHeads | undefined;
  /** Judged queries, and what they weigh. @defaultValue none */
  readonly precedents?: WeighedPrecedents | undefined;
  /** Probabilities of relevance; without them, and with anchor states, cosines are calibrated. @defaultValue none */
  readonly relevance?: RelevanceRules | undefined;
  /** Workers that compute the token head. */
  readonly workers: EncoderWorkers;
}

/** States of a shortlist. */
interface ReadStates {
  /** The query block's. */
  readonly query: QueryState;
  /** One a candidate; those without one were not read. */
  readonly encoded: ReadTexts;
  /**
   * When the token head's part must be there, in milliseconds from now; if it is not, since the workers are busy, the
   * states are read by their anchors alone. @defaultValue the caller waits for it
   */
  readonly tokensWithinMs?: number | undefined;
}

/** Ranks a shortlist by its states; candidates without one keep their ranks. */
export async function rankStates(
  reader: StateReader,
  { query, encoded, tokensWithinMs }: ReadStates,
  shortlist: Shortlist,
  options: Pick<RerankOptions, 'signal' | 'explain'>,
): Promise<Ranking> {
  const read = encoded.states.flatMap((state, index) => (state ? [{ index, state }] : []));
  const usage = toUsage(query, encoded, read.length);
  const { scored, answerable } =
    read.length === 0
      ? { scored: [] }
      : await scoreRead(reader, { query, read, tokensWithinMs }, shortlist, options);
  const ranking = toRanking([...scored, ...unreadCandidates(encoded.states, scored)], usage);
  return answerable === undefined ? ranking : { ...ranking, answerable };
}

/** Scores of the candidates that were read, and the probability that one of them is relevant, where there is one. */
interface ScoredList {
  readonly scored: readonly ScoredCandidate[];
  readonly answerable?: number | undefined;
}

/** A candidate that was read. */
interface ReadCandidate {
  readonly index: number;
  readonly state: BlockState;
}

function unreadCandidates(
  states: ReadTexts['states'],
  scored: readonly ScoredCandidate[],
): readonly ScoredCandidate[] {
  const unread = states.flatMap((state, index) => (state ? [] : [index]));
  const logits = unreadLogits(unread, scored);
  return unread.map((index, i) => ({ index, logit: logits[i]!, isRead: false }));
}

async function scoreRead(
  reader: StateReader,
  { query, read, tokensWithinMs }: Omit<ReadStates, 'encoded'> & { readonly read: readonly ReadCandidate[] },
  shortlist: Shortlist,
  { signal, explain: isExplained }: Pick<RerankOptions, 'signal' | 'explain'>,
): Promise<ScoredList> {
  const { readout, heads } = reader;
  const states = read.map(({ state }) => state);
  const candidates = read.map(({ index }) => shortlist.candidates[index]!);
  const texts = candidates.map(({ text }) => text);
  const tokens = tokenSums(reader, query, states, signal);
  const found = await inTime(tokens, tokensWithinMs);
  const isLate = found === late;
  const sums = isLate ? undefined : found;
  const logSums = sums?.logSums;
  const result = readOut(query, states, isLate ? { ...readout, tokenWeight: 0 } : readout, {
    logSums,
    heads,
  });
  const masses =
    isExplained && logSums
      ? await abortable(
          reader.workers.spans(tokenQuery(query, heads), { states, texts, logSums }, readout.tokenTau),
          signal,
        )
      : [];
  const precedents =
    reader.precedents &&
    precedentLogits(reader.precedents, reader.precedents.kernel, { anchor: query.anchor, candidates });
  const relevance = toRelevance(reader, { shortlist, texts, states, result, sums });
  const scored = read.map(
    ({ index }, i): ScoredCandidate => ({
      index,
      logit: result.logits[i]! + (precedents?.[i]?.logit ?? 0),
      calibratedScore: relevance?.hits[i] ?? result.calibratedScores[i]!,
      ...(isExplained
        ? { explanation: toExplanation(result, i, { masses: masses[i], precedent: precedents?.[i] }) }
        : {}),
    }),
  );
  return { scored, answerable: relevance?.list };
}

/** Probabilities by the model's rules; undefined without rules, and where the token head plays no part. */
function toRelevance(
  { relevance: rules, readout }: StateReader,
  {
    shortlist,
    result: { cosines },
    sums,
    ...read
  }: {
    readonly shortlist: Shortlist;
    readonly texts: readonly string[];
    readonly states: readonly BlockState[];
    readonly result: ReadoutResult;
    readonly sums: TokenSums | undefined;
  },
): Relevance | undefined {
  if (!rules || !sums) return undefined;
  const query = shortlist.query.text;
  const features = hitFeatures({ ...read, ...sums, query, cosines, tau: readout.tokenTau });
  return relevanceOf(rules, features, lexicalScoresOf(shortlist));
}

const late = Symbol('late');

/** The promise's value, or {@link late} once the time is up. */
async function inTime<T>(promise: Promise<T>, ms: number | undefined): Promise<T | typeof late> {
  if (ms === undefined) return promise;
  promise.catch(() => {}); // once the time is up nobody waits for it
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<typeof late>((resolve) => {
    timer = setTimeout(() => resolve(late), Math.max(0, Math.min(ms, longestTimerMs)));
  });
  try {
    return await Promise.race([promise, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the query's tokens find; undefined where the token head plays no part. */
async function tokenSums(
  { readout, heads, workers }: StateReader,
  query: QueryState,
  states: readonly BlockState[],
  signal: AbortSignal | undefined,
): Promise<TokenSums | undefined> {
  const { tokenWeight, tokenTau } = readout;
  if (tokenWeight === 0 || states.some(({ tokens }) => tokens === undefined)) return undefined;
  return abortable(workers.tokenSums(tokenQuery(query, heads), states, tokenTau), signal);
}

function toExplanation(
  result: ReadoutResult,
  index: number,
  {
    masses,
    precedent,
  }: { readonly masses: DocumentMass | undefined; readonly precedent: PrecedentLogit | undefined },
): Explanation {
  const tokenLogit = result.tokenLogits?.[index];
  const listLogit = result.listLogits?.[index];
  return {
    anchorLogit: result.anchorLogits[index]!,
    ...(tokenLogit === undefined ? {} : { tokenLogit }),
    ...(listLogit === undefined ? {} : { listLogit }),
    ...(precedent && { precedentLogit: precedent.logit }),
    ...(precedent?.query && { precedent: precedent.query }),
    readingWeight: result.readingWeights[index]!,
    ...(masses ?? { spans: [] }),
  };
}

function toUsage(
  query: QueryState,
  { states, statesFound, statesEncoded, storedStates, stoppedBy }: ReadTexts,
  read: number,
): RankingUsage {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const known = states.filter((state) => state !== undefined);
  return {
    tokens: query.blockTokens + sum(known.flatMap(({ blockTokens }) => blockTokens)),
    truncatedTokens: query.truncatedTokens + sum(known.map(({ truncatedTokens }) => truncatedTokens)),
    statesFound,
    statesEncoded,
    ...(read < states.length && { read, stoppedBy: stoppedBy ?? 'time' }),
    ...(storedStates && { storedStates }),
  };
}
