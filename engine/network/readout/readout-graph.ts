/**
 * The readout of the `cacheable` profile as a graph: what `readOut` computes, in float32, with everything in it trainable that
 * stands on the query's side.
 *
 * Axes: `N` documents, `D` blocks of all documents, `T` tokens of all blocks, `Q` query tokens, `W` width.
 */
import { maskedLogit } from '../../graph/masked-logit.ts';
import * as g from '../../graph/operations/index.ts';
import { input, scalar, type Value } from '../../graph/value.ts';
import { type HeadSizes, headShapes, type ProjectionName } from '../../readout/heads.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import { listLayer } from './list-layer-graph.ts';
import { readAnchors } from './reading-graph.ts';
import { logSumExpLast, projectedRows } from './rows.ts';

/** What the readout reads, float32 where nothing else is said. */
export interface ReadoutStates {
  /** The query's anchor, `[1, W]`. */
  readonly queryAnchor: Value;
  /** One anchor a block, `[D, W]`. */
  readonly anchors: Value;
  /** For each document the numbers of its blocks, `D` where it has fewer than the longest, int64 `[N, B]`. */
  readonly documentBlocks: Value;
  /** What the token head reads; absent with anchor states. */
  readonly tokens?: TokenHeadStates;
}

/** What the token head reads: vectors, or what is left of them while the head is not trained. */
export type TokenHeadStates =
  | {
      /** The query's own words, `[Q, W]`. */
      readonly queryTokens: Value;
      /** One vector a token, `[T, W]`. */
      readonly vectors: Value;
      /** The block of each token, int64 `[T]`. */
      readonly blocks: Value;
    }
  | {
      /** The token head's pooled masses before its weight, `[D, 1]`. */
      readonly pooled: Value;
    };

/** Scalars that are trained as the logarithm of a factor on what the manifest says, float32 `[]`, 0 at the start. */
export const scalarNames = ['alpha', 'readingTau', 'anchorTau', 'tokenTau', 'tokenWeight'] as const;
/** One of {@link scalarNames}. */
export type ScalarName = (typeof scalarNames)[number];

/** What is trained of a readout, as values of the graph; what is absent stays as the manifest says. */
export interface TrainedReadout {
  /** Sizes of the parts; their tensors are asked for by the names of `headShapes`. */
  readonly sizes: HeadSizes;
  /** Tensors of the parts by name. */
  readonly tensors: Readonly<Record<string, Value>>;
  /** Logarithms of factors by scalar. */
  readonly scalars: Readonly<Partial<Record<ScalarName, Value>>>;
}

/** Inputs of a graph for everything that may be trained: parts of some sizes, and scalars. */
export function trainedInputs(sizes: HeadSizes, scalars: readonly ScalarName[]): TrainedReadout {
  return {
    sizes,
    tensors: Object.fromEntries(
      [...headShapes(sizes)].map(([name, shape]) => [name, input(name, 'float32', shape)]),
    ),
    scalars: Object.fromEntries(scalars.map((name) => [name, input(`scalar.${name}`, 'float32', [])])),
  };
}

/**
 * Logits of the documents, float32 `['documents']`, equal to `readOut` within float32.
 *
 * Near duplicates share one vote among all blocks that have weight; `readOut` looks for them among the 64 heaviest alone.
 */
export function readoutLogits(
  states: ReadoutStates,
  readout: ReadoutParameters,
  trained: TrainedReadout,
): Value {
  const { queryAnchor, anchors, documentBlocks } = states;
  const { tensors, sizes } = trained;
  const numbers = numbersOf(readout, trained);
  const project = (rows: Value, name: ProjectionName): Value =>
    sizes[`${name}Rank`] === 0 ? rows : projectedRows(rows, tensors[`${name}.down`]!, tensors[`${name}.up`]!);
  const anchor = readAnchors(queryAnchor, anchors, {
    ...readout,
    alpha: numbers.alpha,
    readingTau: numbers.readingTau,
    project: (rows) => project(rows, 'reading'),
  });
  const byBlock = (row: Value): Value => g.turned(row);
  const parts = [byBlock(g.divide(g.linear(project(anchor, 'anchor'), anchors), numbers.anchorTau))];
  if (states.tokens && readout.tokenWeight > 0) {
    const pooled = pooledMasses(states.tokens, anchors, {
      tau: numbers.tokenTau,
      pooling: readout.pooling,
      project: (rows) => project(rows, 'token'),
    });
    parts.push(g.multiply(pooled, numbers.tokenWeight));
  }
  if (sizes.listWidth > 0) parts.push(listLayer(anchor, anchors, tensors));
  const logits = parts.reduce((sum, part) => g.add(sum, part));
  return joined(logits, documentBlocks, readout.blockJoin);
}

type Numbers = Readonly<Record<ScalarName, Value>>;

function numbersOf(readout: ReadoutParameters, { scalars }: TrainedReadout): Numbers {
  const values = scalarNames.map((name) => {
    const factor = scalars[name];
    const start = scalar(readout[name]);
    return [name, factor ? g.multiply(start, g.exponential(factor)) : start];
  });
  return Object.fromEntries(values) as Numbers;
}

/** Added where a sum of exponentials may underflow; far below every mass that moves an order. */
const least = 1e-37;

/** The token head: pooled log masses of each block, `[D, 1]`. */
function pooledMasses(
  states: TokenHeadStates,
  anchors: Value,
  {
    tau,
    pooling,
    project,
  }: {
    readonly tau: Value;
    readonly pooling: ReadoutParameters['pooling'];
    readonly project: (rows: Value) => Value;
  },
): Value {
  if ('pooled' in states) return states.pooled;
  const masses = tokenMasses({ ...states, queryTokens: project(states.queryTokens) }, anchors, tau);
  const count = g.sumLast(g.filled(1, masses));
  if (pooling === 'geometric') return g.divide(g.sumLast(logMasses(masses)), count);
  return logMasses(g.divide(g.sumLast(masses), count));
}

/**
 * Masses that words of a query pay to blocks by their tokens' vectors, `[D, Q]`: over the blocks, those of a word sum to 1.
 *
 * @param anchors - Of the blocks, for their number. @param tau - Temperature, float32 `[]`.
 */
export function tokenMasses(
  { queryTokens, vectors, blocks }: Exclude<TokenHeadStates, { readonly pooled: Value }>,
  anchors: Value,
  tau: Value,
): Value {
  // Cosines are at most 1: taken out, no exponential overflows, and masses do not change.
  const logits = g.divide(g.subtract(g.linear(vectors, queryTokens), scalar(1)), tau);
  const none = g.filled(0, g.linear(anchors, queryTokens));
  const sums = g.add(g.scatterAdd(none, blocks, g.exponential(logits)), scalar(least));
  return g.divide(sums, g.sumOver(sums, [0], { keeps: true }));
}

/** Logarithms of masses, finite for a mass of 0 too. */
export const logMasses = (masses: Value): Value => g.logarithm(g.add(masses, scalar(least)));

/** Logits of blocks `[D, 1]` as logits of documents. */
function joined(blocks: Value, documentBlocks: Value, blockJoin: ReadoutParameters['blockJoin']): Value {
  const padded = g.concat([blocks, g.filled(maskedLogit, scalarRow)], 0, 'D+1');
  const [N, B] = documentBlocks.shape;
  const rows = g.reshape(g.gather(padded, documentBlocks), [N!, B!], [0, 0]);
  const perDocument = blockJoin === 'max' ? g.maxLast(rows) : logSumExpLast(rows);
  return g.reshape(perDocument, [N!], [-1]);
}

const scalarRow: Value = g.reshape(scalar(0), [1, 1], [1, 1]);
