/**
 * Softmax cross-entropy over the documents of a batch, and its gradients.
 *
 * Axes: `B` pairs of a batch, `W` width.
 */

/** Vectors of a batch: row k of both sides is one pair. */
export interface BatchVectors {
  /** `[B, W]`. */
  readonly queries: Float32Array;
  /** `[B, W]`. */
  readonly documents: Float32Array;
  /** `W`. */
  readonly width: number;
}

/** How the softmax is taken. */
export interface BatchLossOptions {
  /** What products are divided by, > 0. */
  readonly temperature: number;
  /**
   * Marks documents of the batch that query k must not be taught to rank below its own, in a mask `[B]` that comes zeroed.
   * The own one is never left out. @defaultValue none: every other document is a negative
   */
  readonly maskOf?: ((k: number, mask: Uint8Array) => void) | undefined;
}

/** A loss and its gradients. */
export interface BatchLoss {
  /** Mean over the pairs; not finite where vectors have grown past what softmax takes. */
  readonly loss: number;
  /** `[B, W]`. */
  readonly queryGradient: Float32Array;
  /** `[B, W]`. */
  readonly documentGradient: Float32Array;
}

/**
 * `L = (1/B) Σ_k -log softmax_j(q_k · x_j / T)[k]` over vectors that are not normalised, and its gradients:
 * `∂L/∂q_k = Σ_j g_kj x_j`, `∂L/∂x_j = Σ_k g_kj q_k` with `g_kj = (p_kj - [j = k]) / (B T)`.
 *
 * Source: arXiv:2509.16411, the loss of section 4. There every other document of the batch is a negative; a mask is ours.
 */
export function batchLoss(
  { queries, documents, width: W }: BatchVectors,
  { temperature, maskOf }: BatchLossOptions,
): BatchLoss {
  const B = queries.length / W;
  const [queryGradient, documentGradient] = [new Float32Array(B * W), new Float32Array(B * W)];
  const shares = new Float64Array(B);
  const mask = new Uint8Array(B);
  let sum = 0;
  // A hot loop: one row of products at a time, which then becomes the row's gradient.
  for (let k = 0; k < B; k += 1) {
    if (maskOf) {
      mask.fill(0);
      maskOf(k, mask);
      mask[k] = 0;
    }
    sum += rowShares({ queries, documents, width: W }, k, { temperature, mask, shares });
    shares[k]! -= 1;
    for (let j = 0; j < B; j += 1) {
      const g = shares[j]! / (B * temperature);
      if (g === 0) continue;
      for (let c = 0; c < W; c += 1) {
        queryGradient[k * W + c]! += g * documents[j * W + c]!;
        documentGradient[j * W + c]! += g * queries[k * W + c]!;
      }
    }
  }
  return { loss: sum / B, queryGradient, documentGradient };
}

interface RowOptions {
  readonly temperature: number;
  readonly mask: Uint8Array;
  readonly shares: Float64Array;
}

/** Writes the softmax of row k into `shares`, 0 where masked. @returns The row's loss. */
function rowShares(
  { queries, documents, width: W }: BatchVectors,
  k: number,
  { temperature, mask, shares }: RowOptions,
): number {
  const B = shares.length;
  let most = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < B; j += 1) {
    let product = 0;
    for (let c = 0; c < W; c += 1) product += queries[k * W + c]! * documents[j * W + c]!;
    const logit = mask[j] ? Number.NEGATIVE_INFINITY : product / temperature;
    shares[j] = logit;
    if (logit > most) most = logit;
  }
  const own = shares[k]!;
  let total = 0;
  for (let j = 0; j < B; j += 1) {
    const weight = Math.exp(shares[j]! - most);
    shares[j] = weight;
    total += weight;
  }
  for (let j = 0; j < B; j += 1) shares[j]! /= total;
  return most + Math.log(total) - own;
}
