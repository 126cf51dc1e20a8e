/** The list layer as a graph: what `listLogits` computes. Axes: `D` blocks of all documents, `W` width, `H` width of the layer. */
import * as g from '../../graph/operations/index.ts';
import { scalar, type Value } from '../../graph/value.ts';

/**
 * A logit a block, `[D, 1]`.
 *
 * @param query - The anchor that has read, `[1, W]`.
 * @param anchors - `[D, W]`.
 * @param tensors - By the names of `headShapes`.
 */
export function listLayer(query: Value, anchors: Value, tensors: Readonly<Record<string, Value>>): Value {
  const of = (name: string): Value => tensors[`list.${name}`]!;
  const H = Number(of('content').shape[1]);
  const held = g.matmul(query, of('query'));
  const entries = g.add(g.matmul(anchors, of('content')), g.multiply(g.matmul(anchors, of('match')), held));
  const logits = g.linear(g.matmul(entries, of('attendQuery')), g.matmul(entries, of('attendKey')));
  const weights = g.softmax(g.multiply(logits, scalar(1 / Math.sqrt(H))));
  const contexts = g.matmul(weights, g.matmul(entries, of('attendValue')));
  const hidden = g.silu(g.add(entries, contexts));
  const column = (name: string): Value => {
    const row = of(name);
    return g.reshape(row, [row.shape[0]!, 1], [-1, 1]);
  };
  return g.add(g.matmul(hidden, column('hidden')), g.matmul(anchors, column('prior')));
}
