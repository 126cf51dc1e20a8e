/** The token head's products on the runtime: `tokenLogSums` of the readout, with one matrix product. */
import { toOnnx } from '../../graph/onnx.ts';
import { linear } from '../../graph/operations/index.ts';
import { input } from '../../graph/value.ts';
import type { QueryState } from '../../readout/parameters.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import type { TokenState } from './spans.ts';

/** See {@link openTokenProducts}. */
export interface TokenProducts {
  /** `log sum_j exp(q_i·x_dj / tau)`, shape `[Q, D]`. */
  logSums(
    query: Pick<QueryState, 'tokens' | 'width'>,
    states: readonly TokenState[],
    tau: number,
  ): Promise<Float64Array>;
  /** Frees the session. */
  release(): Promise<void>;
}

/** Loads the product of document tokens `[T, W]` with query tokens `[Q, W]`. */
export async function openTokenProducts(width: number, threads: number): Promise<TokenProducts> {
  const documents = input('documents', 'float32', ['T', width]);
  const queries = input('queries', 'float32', ['Q', width]);
  const graph = toOnnx({ products: linear(queries, documents) });
  const session = await openSharedSession(graph, { folder: '.', threads, prepack: false }, '');
  return {
    async logSums(query, states, tau) {
      const rows = stack(states);
      const T = rows.length / width;
      const Q = query.tokens.length / width;
      const { products } = await session.run(
        {
          documents: { type: 'float32', shape: [T, width], data: rows },
          queries: { type: 'float32', shape: [Q, width], data: query.tokens },
        },
        ['products'],
      );
      return reduce(products!.data as Float32Array, { T, Q, states, tau });
    },
    release: () => session.release(),
  };
}

/** All token vectors one after another: the runtime takes one tensor, in memory of its own thread. */
function stack(states: readonly TokenState[]): Float32Array {
  const whole = new Float32Array(states.reduce((sum, { tokens }) => sum + tokens.length, 0));
  let at = 0;
  for (const { tokens } of states) {
    whole.set(tokens, at);
    at += tokens.length;
  }
  return whole;
}

/** Products `[Q, T]` to log-sum-exp by block, `[Q, D]`. A plain loop: it runs over every pair of tokens. */
function reduce(
  products: Float32Array,
  { T, Q, states, tau }: { T: number; Q: number; states: readonly TokenState[]; tau: number },
): Float64Array {
  const counts = states.flatMap(({ blockTokens }) => blockTokens);
  const result = new Float64Array(Q * counts.length);
  for (let i = 0; i < Q; i += 1) {
    let first = i * T;
    for (let d = 0; d < counts.length; d += 1) {
      const end = first + counts[d]!;
      result[i * counts.length + d] = scaledLogSumExp(products, { first, end, tau });
      first = end;
    }
  }
  return result;
}

/** `log sum exp(values[first..end] / tau)`; terms below e^-40 of the largest add nothing in float64 sums of logits. */
function scaledLogSumExp(
  values: Float32Array,
  { first, end, tau }: { first: number; end: number; tau: number },
): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let j = first; j < end; j += 1) if (values[j]! > max) max = values[j]!;
  let sum = 0;
  for (let j = first; j < end; j += 1) {
    const exponent = (values[j]! - max) / tau;
    if (exponent > -40) sum += Math.exp(exponent);
  }
  return max / tau + Math.log(sum);
}
