/**
 * The list layer: the blocks of a list attend to each other, and each gets a logit that depends on what else there is.
 *
 * Axes: `D` blocks of all documents, `W` width, `H` width of the layer.
 */
import { type ListLayer, multiplied } from './heads.ts';
import { softmax } from './softmax.ts';

/**
 * With `e_d = a_d C + (a_d M) * (q' Q)`, `c_d = sum_e softmax_e(e_d P · e_e K / sqrt(H)) e_e V` and
 * `silu(x) = x / (1 + exp(-x))`: the logit of block `d` is `silu(e_d + c_d) · hidden + a_d · prior`.
 *
 * @param query - The anchor that has read, shape `[W]`.
 * @param anchors - Shape `[D, W]`.
 * @returns Shape `[D]`; zeros while `hidden` and `prior` are zero.
 *
 * Source: one attention head as in Vaswani et al. (arXiv:1706.03762) over documents in place of tokens, as Pang et al.
 * (arXiv:1912.05891) rank.
 */
export function listLogits(
  query: Float64Array | Float32Array,
  anchors: Float32Array,
  layer: ListLayer,
): Float64Array {
  const H = layer.width;
  const D = anchors.length / query.length;
  const held = multiplied(query, layer.query, H);
  const matches = multiplied(anchors, layer.match, H);
  const entries = multiplied(anchors, layer.content, H).map((x, i) => x + matches[i]! * held[i % H]!);
  const contexts = attended(entries, layer);
  const prior = multiplied(anchors, layer.prior, 1);
  return Float64Array.from({ length: D }, (_, d) => {
    let logit = prior[d]!;
    for (let h = 0; h < H; h += 1) {
      const x = entries[d * H + h]! + contexts[d * H + h]!;
      logit += (x / (1 + Math.exp(-x))) * layer.hidden[h]!;
    }
    return logit;
  });
}

/** What each block takes from all, shape `[D, H]`. */
function attended(entries: Float64Array, layer: ListLayer): Float64Array {
  const H = layer.width;
  const D = entries.length / H;
  const queries = multiplied(entries, layer.attendQuery, H);
  const keys = multiplied(entries, layer.attendKey, H);
  const values = multiplied(entries, layer.attendValue, H);
  const result = new Float64Array(D * H);
  const scale = 1 / Math.sqrt(H);
  const logits = new Float64Array(D);
  for (let d = 0; d < D; d += 1) {
    for (let e = 0; e < D; e += 1) {
      let sum = 0;
      for (let h = 0; h < H; h += 1) sum += queries[d * H + h]! * keys[e * H + h]!;
      logits[e] = sum * scale;
    }
    softmax(logits).forEach((weight, e) => {
      for (let h = 0; h < H; h += 1) result[d * H + h] = result[d * H + h]! + weight * values[e * H + h]!;
    });
  }
  return result;
}
