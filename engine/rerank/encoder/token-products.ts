/**
 * The token head's products on the runtime: `tokenLogSums` and `passageMatch` of the readout. Axes: `T` document tokens of one run, `Q` query
 * tokens, `D` blocks, `W` width.
 */
import { toOnnx } from '../../graph/onnx.ts';
import { exponential, linear } from '../../graph/operations/index.ts';
import { input } from '../../graph/value.ts';
import type { QueryState } from '../../readout/parameters.ts';
import { passageMatch } from '../../readout/passage-match.ts';
import { logSumExp } from '../../readout/softmax.ts';
import type { GraphSession } from '../../session/runtime.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import type { TokenState } from './spans.ts';

/** What the query's tokens find in the blocks of a list. */
export interface TokenSums {
  /** `log sum_j exp(q_i·x_dj / tau)`, row-major, shape `[Q, D]`. */
  readonly logSums: Float64Array;
  /** How well the best passage of each block matches the query: a mean of largest cosines, shape `[D]`. */
  readonly passageMatches: Float64Array;
}

/** See {@link openTokenProducts}. */
export interface TokenProducts {
  /** See {@link TokenSums}. */
  sums(
    query: Pick<QueryState, 'tokens' | 'width'>,
    states: readonly TokenState[],
    tau: number,
  ): Promise<TokenSums>;
  /**
   * Mass of each document's tokens, shape `[tokens]` each: mean over the query's tokens of the softmax over the whole list.
   *
   * @param totals - Log of each query token's normaliser over the whole list, shape `[Q]`.
   */
  masses(
    query: Pick<QueryState, 'tokens' | 'width'>,
    states: readonly TokenState[],
    softmax: { readonly tau: number; readonly totals: Float64Array },
  ): Promise<Float64Array[]>;
  /** Frees the session. */
  release(): Promise<void>;
}

/**
 * Values of document tokens in one run, 1 MiB of them, which a core's own cache holds: rows that were just copied there
 * are multiplied without going to memory again. Measured 2026-11-27 on an AMD EPYC with AVX-512: 250 documents of 128
 * tokens took 5 ms of a core, 30 ms when they were copied as a whole, 2.5 ms when they were not copied at all.
 */
const valuesPerRun = 2 ** 18;

/** Loads the products of document tokens `[T, W]` with query tokens `[Q, W]`. */
export async function openTokenProducts(width: number, threads: number): Promise<TokenProducts> {
  const documents = input('documents', 'float32', ['T', width]);
  const queries = input('queries', 'float32', ['Q', width]);
  // Documents are the rows and queries the matrix: the runtime lays out the matrix anew in every run.
  const logits = linear(documents, queries, input('shift', 'float32', ['Q']));
  const graph = toOnnx({ logits, exponentials: exponential(logits) });
  const session = await openSharedSession(graph, { folder: '.', threads, prepack: false }, '');
  let rows = new Float32Array(0);
  /** Values of {@link multiply} of one run. */
  const multiplied = (asked: ShiftedQuery, part: readonly TokenState[]): Promise<Float32Array> => {
    const values = part.reduce((sum, { tokens }) => sum + tokens.length, 0);
    if (rows.length < values) rows = new Float32Array(Math.max(values, valuesPerRun));
    copyInto(rows, part);
    return multiply(session, asked, rows.subarray(0, values));
  };
  return {
    async sums(query, states, tau) {
      const asked = toShiftedQuery(query, tau);
      const blocks = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
      const sums = new GrowingSums(asked, blocks);
      for (const part of toRuns(states)) sums.add(await multiplied(asked, part), part);
      const { logSums, passageMatches } = sums;
      return { logSums, passageMatches };
    },
    async masses(query, states, { tau, totals }) {
      const asked = toShiftedQuery(query, tau);
      const masses: Float64Array[] = [];
      for (const part of toRuns(states)) {
        const values = meanSoftmax(await multiplied(asked, part), asked, totals);
        let end = 0;
        for (const { tokens } of part) {
          const start = end;
          end += tokens.length / width;
          masses.push(values.subarray(start, end));
        }
      }
      return masses;
    },
    release: () => session.release(),
  };
}

/** A query as it is multiplied. */
interface ShiftedQuery {
  /** Token vectors over tau, shape `[Q, W]`. */
  readonly tokens: Float32Array;
  /** Added to the logits of each token, so that none is much above 0: minus the largest that there can be. */
  readonly shift: Float32Array;
  readonly width: number;
  readonly tau: number;
  /** Whether `exp` of every shifted logit is a number of float32 above 0. */
  readonly fitsFloat32: boolean;
}

/** Logits from which `exp` in float32 is far from 0: it would be 0 below about -87. */
const leastLogit = -80;

/** A document's vectors have length 1, so that no logit's size is above the query vector's length over tau. */
function toShiftedQuery({ tokens, width }: Pick<QueryState, 'tokens' | 'width'>, tau: number): ShiftedQuery {
  const scaled = tokens.map((value) => value / tau);
  const shift = new Float32Array(tokens.length / width);
  for (let i = 0; i < shift.length; i += 1) {
    const vector = scaled.subarray(i * width, (i + 1) * width);
    shift[i] = -Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  }
  return { tokens: scaled, shift, width, tau, fitsFloat32: shift.every((most) => 2 * most > leastLogit) };
}

/** Documents one after another, as many in a part as one run takes: one at least. */
function toRuns(states: readonly TokenState[]): TokenState[][] {
  const parts: TokenState[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const state of states) {
    if (filled + state.tokens.length > valuesPerRun) {
      parts.push([]);
      filled = 0;
    }
    parts.at(-1)!.push(state);
    filled += state.tokens.length;
  }
  return parts;
}

/** The runtime takes one tensor, in memory of its own thread. */
function copyInto(rows: Float32Array, states: readonly TokenState[]): void {
  let at = 0;
  for (const { tokens } of states) {
    rows.set(tokens, at);
    at += tokens.length;
  }
}

/** Shifted logits `[T, Q]`, or their exponentials where those fit. */
async function multiply(
  session: GraphSession,
  { tokens, shift, width, fitsFloat32 }: ShiftedQuery,
  rows: Float32Array,
): Promise<Float32Array> {
  const output = fitsFloat32 ? 'exponentials' : 'logits';
  const answer = await session.run(
    {
      documents: { type: 'float32', shape: [rows.length / width, width], data: rows },
      queries: { type: 'float32', shape: [shift.length, width], data: tokens },
      shift: { type: 'float32', shape: [shift.length], data: shift },
    },
    [output],
  );
  return answer[output]!.data as Float32Array;
}

/** Mean over query tokens of the softmax of each document token, shape `[T]`. @param values - Of {@link multiply}. */
function meanSoftmax(
  values: Float32Array,
  { shift, fitsFloat32 }: ShiftedQuery,
  totals: Float64Array,
): Float64Array {
  const Q = shift.length;
  const factors = totals.map((total, i) => Math.exp(-shift[i]! - total) / Q);
  const masses = new Float64Array(values.length / Q);
  for (let at = 0; at < values.length; at += 1) {
    const i = at % Q;
    const mass = fitsFloat32 ? values[at]! * factors[i]! : Math.exp(values[at]! - shift[i]! - totals[i]!) / Q;
    masses[(at - i) / Q]! += mass;
  }
  return masses;
}

/** Sums of one query over the blocks of its documents, filled in their order. */
class GrowingSums implements TokenSums {
  readonly logSums: Float64Array;
  readonly passageMatches: Float64Array;
  readonly #query: ShiftedQuery;
  readonly #blocks: number;
  #done = 0;

  constructor(query: ShiftedQuery, blocks: number) {
    this.#query = query;
    this.#blocks = blocks;
    this.logSums = new Float64Array(query.shift.length * blocks);
    this.passageMatches = new Float64Array(blocks);
  }

  /** @param values - Of {@link multiply}, shape `[T, Q]`. */
  add(values: Float32Array, states: readonly TokenState[]): void {
    const { shift, tau, fitsFloat32 } = this.#query;
    const shifts = shift.reduce((sum, value) => sum + value, 0);
    const sumLogits = fitsFloat32 ? sumOfLogarithms : sumOf;
    const meanCosine = (largest: Float32Array): number =>
      (tau * (sumLogits(largest) - shifts)) / shift.length;
    const logSum = fitsFloat32 ? logSumOfExponentials : logSumOfLogits;
    let first = 0;
    for (const count of states.flatMap(({ blockTokens }) => blockTokens)) {
      const end = first + count * shift.length;
      const block = values.subarray(first, end);
      for (const [i, sum] of logSum(block, shift.length).entries()) {
        this.logSums[i * this.#blocks + this.#done] = sum - shift[i]!;
      }
      this.passageMatches[this.#done] = passageMatch(block, shift.length, meanCosine);
      this.#done += 1;
      first = end;
    }
  }
}

function sumOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Below it the next of {@link ShiftedQuery}'s exponentials might make a product that is no normal number. */
const leastProduct = 1e-200;

/** The sum of the logarithms of exponentials, by the logarithms of as large products as there can be: a tenth of their number. */
function sumOfLogarithms(exponentials: Float32Array): number {
  let sum = 0;
  let product = 1;
  for (const value of exponentials) {
    product *= value;
    if (product > leastProduct) continue;
    sum += Math.log(product);
    product = 1;
  }
  return sum + Math.log(product);
}

/** One sum a column of `[tokens, Q]`. A plain loop: it runs over every pair of tokens. */
function logSumOfExponentials(exponentials: Float32Array, Q: number): Float64Array {
  const sums = new Float64Array(Q);
  for (let at = 0; at < exponentials.length; at += Q) {
    for (let i = 0; i < Q; i += 1) sums[i] = sums[i]! + exponentials[at + i]!;
  }
  return sums.map(Math.log);
}

function logSumOfLogits(logits: Float32Array, Q: number): Float64Array {
  return Float64Array.from({ length: Q }, (_, i) => logSumExp(logits.filter((_logit, at) => at % Q === i)));
}
