/** Fusion with the first stage as a graph, so that training learns what the first stage does not say. Axis: `N` documents. */
import * as g from '../../../graph/operations/index.ts';
import type { TensorValue } from '../../../graph/tensor.ts';
import { input, scalar, type Value } from '../../../graph/value.ts';
import type { TrainingList } from '../../trainer/training-list.ts';

/** The first stage's scores of a list, float32 `[1, documents]`. */
export const firstStageInput: Value = input('firstStage', 'float32', [1, 'documents']);

/** Feed of {@link firstStageInput}. Missing scores are the least of the list; a list without any is constant. */
export function firstStageFeed({ documents }: TrainingList): TensorValue {
  const scores = documents.map(({ firstStageScore = Number.NaN }) => firstStageScore);
  const finite = scores.filter(Number.isFinite);
  const least = finite.length > 0 ? Math.min(...finite) : 0;
  const data = Float32Array.from(scores, (score) => (Number.isFinite(score) ? score : least));
  return { type: 'float32', shape: [1, data.length], data };
}

/**
 * `scale * ((1 - w) z(logit) + w z(first stage))`, float32 `['documents']`: what the step `fusion` orders by, without its
 * clipping, which has no gradient. A constant list has z 0.
 *
 * @param weight - `w`, float32 `[]`. @param scale - What a softmax of z-scores lacks, float32 `[]`.
 */
export function fusedLogits(logits: Value, { weight, scale }: { weight: Value; scale: Value }): Value {
  const row = g.reshape(logits, [1, 'documents'], [1, -1]);
  const model = g.multiply(g.subtract(scalar(1), weight), zScores(row));
  const fused = g.add(model, g.multiply(weight, zScores(firstStageInput)));
  return g.reshape(g.multiply(fused, scale), ['documents'], [-1]);
}

function zScores(row: Value): Value {
  const count = g.sumLast(g.filled(1, row));
  const centred = g.subtract(row, g.divide(g.sumLast(row), count));
  const variance = g.divide(g.sumLast(g.multiply(centred, centred)), count);
  return g.divide(centred, g.squareRoot(g.add(variance, scalar(1e-9))));
}
