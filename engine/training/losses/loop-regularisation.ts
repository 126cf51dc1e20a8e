/**
 * How alike the layers of a network are, as values of a graph: the regulariser that makes layers with weights of their own
 * behave like a block that loops.
 *
 * Source: arXiv:2502.17416, section on looping-inspired regularisation. As printed there the sign lowers the likeness, while
 * the text, and the .98 that its models end at, ask for more of it: here more likeness makes the loss smaller.
 */
import * as g from '../../graph/operations/index.ts';
import { scalar, times, type Value } from '../../graph/value.ts';

/** How much layers are drawn to each other. */
export interface LoopRegularisation {
  /** Layers between two that are drawn to each other, `k` of the paper: the length of the block they would be. At least 1. */
  readonly distance: number;
  /** Weight in the loss, `lambda` of the paper, which has 10. At least 0. */
  readonly weight: number;
}

/** A matrix of a layer: what stands before its number, the number, and its name in the layer. */
const layerMatrix = /^(.*\blayer\.)(\d+)\.(.+\.weight)$/;

/**
 * Mean cosine of the same matrix of layers `distance` apart, in [-1, 1], float32 `[]`: over pairs of layers, then over
 * matrices (queries, keys, values, outputs, and both of the feed-forward part). Norms and biases are left out.
 *
 * @param parameters - Weights by name, such as `encoder.layer.0.attention.self.query.weight`.
 * @throws RangeError when no two layers are that far apart.
 */
export function layerCosine(parameters: Readonly<Record<string, Value>>, distance: number): Value {
  const cosines = Object.keys(parameters).flatMap((name) => {
    const [, prefix, layer, matrix] = layerMatrix.exec(name) ?? [];
    const first = parameters[name]!;
    const second = parameters[`${prefix}${Number(layer) + distance}.${matrix}`];
    return second && distance >= 1 && first.shape.length === 2 ? [cosineOf(first, second)] : [];
  });
  if (cosines.length === 0) {
    throw new RangeError(`layerCosine: expected layers ${distance} apart, found none.`);
  }
  // Every matrix has as many pairs, so that the mean over all is the mean of the matrices' means.
  const sum = cosines.reduce((all, each) => g.add(all, each));
  return g.reshape(g.multiply(sum, scalar(1 / cosines.length)), [], []);
}

/** `weight · (1 - cosine)`, at least 0, float32 `[]`: it has the gradients of `-weight · cosine`. */
export function loopRegularisation(cosine: Value, { weight }: Pick<LoopRegularisation, 'weight'>): Value {
  return g.multiply(g.subtract(scalar(1), cosine), scalar(weight));
}

/** Cosine of two tensors as vectors, float32 `[1, 1]`. */
function cosineOf(first: Value, second: Value): Value {
  const [a, b] = [rowOf(first), rowOf(second)];
  const lengths = g.multiply(g.sumLast(g.multiply(a, a)), g.sumLast(g.multiply(b, b)));
  return g.divide(g.sumLast(g.multiply(a, b)), g.maximum(g.squareRoot(lengths), scalar(1e-12)));
}

const rowOf = (x: Value): Value => g.reshape(x, [1, x.shape.reduce(times, 1)], [1, -1]);
