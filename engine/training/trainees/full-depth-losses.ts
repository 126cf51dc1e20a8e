/** How far a list's states are from those of the full depth, as losses. Axes as in encoder-layers.ts. */
import * as g from '../../graph/operations/index.ts';
import { scalar, type Value } from '../../graph/value.ts';
import { logMasses, tokenMasses } from '../../network/readout/readout-graph.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import { logSoftmax } from '../losses/softmax.ts';
import type { ListReadout } from './list-readout.ts';
import type { TeacherStates } from './teacher-states.ts';

/** Names of the losses that {@link fullDepthLosses} gives. */
export type FullDepthLoss =
  | 'tokenCosine'
  | 'anchorCosine'
  | 'anchorLogitError'
  | 'tokenMassError'
  | 'listDivergence';

/**
 * Losses of a list, float32 `[]` each; all are 0 where the states are those of the full depth, which is `teacher`:
 *
 * - `tokenCosine`, `anchorCosine`: mean over tokens and over anchors of 1 - cosine to the full depth's, in [0, 2]: of documents,
 *   and of the query where the trained layers read it.
 * - `anchorLogitError`: mean of `((a_d - t_d)·r / tau)²` over documents' anchors `a_d`, the full depth's `t_d`, and references
 *   `r`, which are the full depth's anchors of the query and of every document: an error weighs by how much those
 *   who are near a document see of it.
 * - `tokenMassError`: mean of `(log m_dq - log M_dq)²`, the masses that the words of the query, as the full depth reads
 *   them, pay to the documents' blocks, by trained tokens and by the full depth's.
 * - `listDivergence`: `KL(full || trained)` of the list's masses.
 */
export function fullDepthLosses(
  trained: ListReadout,
  teacher: TeacherStates,
  { readout, readsQuery }: { readonly readout: ReadoutParameters; readonly readsQuery: boolean },
): Readonly<Record<FullDepthLoss, Value>> {
  const { anchors, vectors, tokenBlocks: blocks } = trained;
  const withQuery = (rows: Value, own: Value, axis: string): Value =>
    readsQuery ? g.concat([rows, own], 0, axis) : rows;
  const tokens = ({ vectors: rows, queryTokens }: ListReadout | TeacherStates): Value =>
    withQuery(rows, queryTokens, 'T+Q');
  const allAnchors = ({ anchors: rows, queryAnchor }: ListReadout | TeacherStates): Value =>
    withQuery(rows, queryAnchor, 'D+1');
  const references = g.concat([teacher.anchors, teacher.queryAnchor], 0, 'D+1');
  const { queryTokens } = teacher;
  const paid = (rows: Value): Value =>
    logMasses(tokenMasses({ queryTokens, vectors: rows, blocks }, anchors, scalar(readout.tokenTau)));
  return {
    tokenCosine: meanCosineDistance(tokens(trained), tokens(teacher)),
    anchorCosine: meanCosineDistance(allAnchors(trained), allAnchors(teacher)),
    anchorLogitError: meanSquare(
      g.divide(g.linear(g.subtract(anchors, teacher.anchors), references), scalar(readout.anchorTau)),
    ),
    tokenMassError: meanSquare(g.subtract(paid(vectors), paid(teacher.vectors))),
    listDivergence: divergence(teacher.logits, trained.logits),
  };
}

/** Mean of 1 - cosine over rows of length 1, float32 `[]`. */
function meanCosineDistance(rows: Value, others: Value): Value {
  return g.subtract(scalar(1), mean(g.sumLast(g.multiply(rows, others))));
}

const meanSquare = (x: Value): Value => mean(g.multiply(x, x));

/** Mean of all values of a matrix, float32 `[]`. */
function mean(x: Value): Value {
  const count = g.sumOver(g.filled(1, x), [0, 1], { keeps: false });
  return g.divide(g.sumOver(x, [0, 1], { keeps: false }), count);
}

/** `KL(wanted || given)` of the softmaxes of two rows of logits, float32 `[]`. */
function divergence(wanted: Value, given: Value): Value {
  const [logWanted, logGiven] = [logSoftmax(wanted), logSoftmax(given)];
  const weighed = g.multiply(g.exponential(logWanted), g.subtract(logWanted, logGiven));
  return g.sumOver(weighed, [0], { keeps: false });
}
