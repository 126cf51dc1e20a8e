/**
 * Turns the query block's attention at the scoring layer into a mass for each document.
 *
 * Axes: `N` documents, `D` blocks of all documents (D >= N), `Q` query tokens, `W` width.
 */
import type { BlockState } from '../contract.ts';
import { projected, type ReadoutHeads, tokenQuery } from './heads.ts';
import { listLogits } from './list-layer.ts';
import type { Calibration, QueryState, ReadoutParameters } from './parameters.ts';
import { read, similarities } from './reading.ts';
import { logSumExp } from './softmax.ts';
import { poolMasses, tokenLogSums, toLogMasses } from './token-head.ts';

/** The scoring layer's results for each document, shape `[N]` each. */
export interface ReadoutResult {
  /** The logits that documents are ranked by. */
  readonly logits: Float64Array;
  /** The anchor head's part. */
  readonly anchorLogits: Float64Array;
  /** The token head's part, weighted; absent with anchor states. */
  readonly tokenLogits?: Float64Array;
  /** The list layer's part; absent without one. */
  readonly listLogits?: Float64Array;
  /** Weight of each document in the query block's reading. */
  readonly readingWeights: Float64Array;
  /** Largest cosine of the query's own anchor with an anchor of the document. */
  readonly cosines: Float64Array;
  /** Probability of relevance by the cosine alone, independent of the rest of the list. */
  readonly calibratedScores: Float64Array;
}

/** All anchors one after another, shape `[D, W]`. */
export function stackAnchors(states: readonly BlockState[], width: number): Float32Array {
  const blocks = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
  const stacked = new Float32Array(blocks * width);
  let at = 0;
  for (const { anchors } of states) {
    stacked.set(anchors, at);
    at += anchors.length;
  }
  return stacked;
}

/** What {@link readOut} is given besides states and numbers. */
export interface ReadoutParts {
  /** {@link tokenLogSums} of {@link tokenQuery} and the states. @defaultValue computed here */
  readonly logSums?: Float64Array | undefined;
  /** Trained parts. @defaultValue none */
  readonly heads?: ReadoutHeads | undefined;
}

/** Scores every document. Reference for every faster path, and used by tuning. */
export function readOut(
  query: QueryState,
  states: readonly BlockState[],
  parameters: ReadoutParameters,
  { logSums, heads }: ReadoutParts = {},
): ReadoutResult {
  const anchors = stackAnchors(states, query.width);
  const reading = read(query.anchor, anchors, parameters, heads?.reading);
  const scoring = projected(reading.anchor, query.width, heads?.anchor);
  const anchorLogits = similarities(scoring, anchors).map((cosine) => cosine / parameters.anchorTau);
  const tokenLogits = tokenHead(tokenQuery(query, heads), states, parameters, logSums);
  const layerLogits = heads?.list && listLogits(reading.anchor, anchors, heads.list);
  const blockLogits = sumOf(anchorLogits, tokenLogits, layerLogits);
  const join = joiner(states, parameters.blockJoin);
  const blockCosines = reading.cosines ?? similarities(query.anchor, anchors);
  const cosines = perDocument(states, blockCosines, (values) => Math.max(...values));
  return {
    logits: perDocument(states, blockLogits, join),
    anchorLogits: perDocument(states, anchorLogits, join),
    ...(tokenLogits ? { tokenLogits: perDocument(states, tokenLogits, join) } : {}),
    ...(layerLogits ? { listLogits: perDocument(states, layerLogits, join) } : {}),
    readingWeights: perDocument(states, reading.weights, (values) => values.reduce((sum, w) => sum + w, 0)),
    cosines,
    calibratedScores: cosines.map((cosine) => calibratedScore(cosine, parameters.calibration)),
  };
}

/** Probability of relevance of a document whose anchor has this cosine with the query's. */
export function calibratedScore(cosine: number, { slope, intercept }: Calibration): number {
  return 1 / (1 + Math.exp(-(slope * cosine + intercept)));
}

function sumOf(first: Float64Array, ...others: readonly (Float64Array | undefined)[]): Float64Array {
  return others.reduce<Float64Array>(
    (sum, other) => (other ? sum.map((logit, d) => logit + other[d]!) : sum),
    first,
  );
}

/** The token head's part of each block's logit, shape `[D]`; undefined without token states or query words. */
function tokenHead(
  query: QueryState,
  states: readonly BlockState[],
  parameters: ReadoutParameters,
  logSums: Float64Array | undefined,
): Float64Array | undefined {
  if (states.length === 0 || query.tokens.length === 0 || parameters.tokenWeight === 0) return undefined;
  if (!logSums && states.some(({ tokens }) => tokens === undefined)) return undefined;
  const D = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
  const masses = toLogMasses(logSums ?? tokenLogSums(query, states, parameters.tokenTau), D);
  return poolMasses(masses, D, parameters.pooling).map((mass) => parameters.tokenWeight * mass);
}

type Join = (values: Float64Array) => number;

/** A block's logit is the log of its mass up to a constant, so a sum of masses is a log-sum-exp of logits. */
function joiner(states: readonly BlockState[], blockJoin: ReadoutParameters['blockJoin']): Join {
  if (states.every(({ blockTokens }) => blockTokens.length === 1)) return (values) => values[0]!;
  return blockJoin === 'sum' ? logSumExp : (values) => Math.max(...values);
}

function perDocument(states: readonly BlockState[], blockValues: Float64Array, join: Join): Float64Array {
  const result = new Float64Array(states.length);
  let first = 0;
  states.forEach(({ blockTokens }, n) => {
    result[n] = join(blockValues.subarray(first, first + blockTokens.length));
    first += blockTokens.length;
  });
  return result;
}
