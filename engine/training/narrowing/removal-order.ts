/**
 * The order in which heads, or inner values, of a part are removed, and what that costs.
 *
 * Source: optimal brain surgeon (Hassibi and Stork 1992), for whole structures as in ZipLM (Kurtic, Frantar and Alistarh,
 * arXiv:2302.04089): what remains is fitted anew in closed form after each removal, so that of two that say the same one costs
 * nothing.
 */
import { inverse, Matrix } from 'ml-matrix';
import type { PartMoments } from './part-moments.ts';

/** A part from which units are removed. */
export interface RemovalPart extends Pick<PartMoments, 'covariance' | 'gain'> {
  /** The part's last matrix, row-major `[W, n]`. */
  readonly matrix: Float32Array;
  /** Values of a unit: of a head, or 1. Divides `n`. */
  readonly unit: number;
}

/** See {@link removalOrder}. */
export interface RemovalOrder {
  /** Units, 0-based, the first to go first; all of the part's. */
  readonly order: readonly number[];
  /** The loss when so many are gone, 0 at first; one more than there are units. See `PartMoments.gain`. */
  readonly losses: readonly number[];
}

/** Share of the mean variance that is added to every value's, so that values which nearly follow from others stay bounded. */
const ridge = 1e-3;

/** Removes one unit after the other, each time the one that costs least. */
export function removalOrder({ covariance, gain, matrix, unit }: RemovalPart): RemovalOrder {
  const n = Math.sqrt(covariance.length);
  const state = {
    n,
    inverse: Float64Array.from(inverse(Matrix.from1DArray(n, n, withRidge(covariance))).to1DArray()),
    // What each pair of values gives to the loss: matrixᵀ · gain · matrix.
    given: gramOf(matrix, gain, n),
    alive: new Uint8Array(n).fill(1),
  };
  const left = new Set(Array.from({ length: n / unit }, (_, u) => u));
  const order: number[] = [];
  const losses = [0];
  while (left.size > 0) {
    let best = { unit: -1, loss: Number.POSITIVE_INFINITY };
    for (const u of left) {
      const loss = lossOf(state, u * unit, unit);
      if (loss < best.loss) best = { unit: u, loss };
    }
    remove(state, best.unit * unit, unit);
    left.delete(best.unit);
    order.push(best.unit);
    losses.push(losses.at(-1)! + Math.max(0, best.loss));
  }
  return { order, losses };
}

/** A covariance with {@link ridge} on its diagonal. */
export function withRidge(covariance: Float64Array): Float64Array {
  const n = Math.sqrt(covariance.length);
  const added = covariance.slice();
  let trace = 0;
  for (let i = 0; i < n; i += 1) trace += covariance[i * n + i]!;
  for (let i = 0; i < n; i += 1) added[i * n + i]! += (ridge * trace) / n;
  return added;
}

function gramOf(matrix: Float32Array, gain: Float64Array, n: number): Float64Array {
  const W = Math.sqrt(gain.length);
  const rows = Matrix.from1DArray(W, n, matrix);
  const weighed = Matrix.from1DArray(W, W, gain).mmul(rows);
  return Float64Array.from(rows.transpose().mmul(weighed).to1DArray());
}

/** What is left of a part: the inverse of its covariance, and what its values give. Rows of those that are gone are not read. */
interface Remaining {
  readonly n: number;
  readonly inverse: Float64Array;
  readonly given: Float64Array;
  readonly alive: Uint8Array;
}

/** What the removal of values `first` to `first + unit` costs. */
function lossOf(state: Remaining, first: number, unit: number): number {
  const { n, given } = state;
  const within = inverseWithin(state, first, unit);
  let loss = 0;
  for (let i = 0; i < unit; i += 1)
    for (let j = 0; j < unit; j += 1) loss += given[(first + i) * n + first + j]! * within[i * unit + j]!;
  return loss;
}

/** The inverse of the square of these values within the inverse of the covariance, `[unit, unit]`. */
function inverseWithin({ n, inverse: whole }: Remaining, first: number, unit: number): Float64Array {
  if (unit === 1) return Float64Array.of(1 / whole[first * n + first]!);
  const rows = Array.from({ length: unit }, (_, i) =>
    whole.subarray((first + i) * n + first, (first + i) * n + first + unit),
  );
  return Float64Array.from(inverse(new Matrix(rows)).to1DArray());
}

/** Removes values, and fits the others to say what these said. */
function remove(state: Remaining, first: number, unit: number): void {
  const { n, inverse: whole, given, alive } = state;
  const rows = (of: Float64Array): Float64Array => of.slice(first * n, (first + unit) * n);
  const [ofInverse, ofGiven] = [rows(whole), rows(given)];
  // Row i: how much of value `first + i` each other value takes over, with a minus.
  const taken = timesRows(inverseWithin(state, first, unit), ofInverse, unit);
  // With half of what the removed values give among themselves, which either of the two products below adds.
  const among = new Float64Array(unit * unit);
  for (let i = 0; i < unit; i += 1)
    for (let k = 0; k < unit; k += 1) among[i * unit + k] = ofGiven[i * n + first + k]! / 2;
  const halves = timesRows(among, taken, unit);
  const crossed = ofGiven.map((value, at) => value - halves[at]!);
  alive.fill(0, first, first + unit);
  for (let r = 0; r < n; r += 1) {
    if (!alive[r]) continue;
    for (let i = 0; i < unit; i += 1) {
      const at = i * n + r;
      subtract({ from: whole, row: r, rows: taken, i, n }, ofInverse[at]!);
      subtract({ from: given, row: r, rows: crossed, i, n }, taken[at]!);
      subtract({ from: given, row: r, rows: taken, i, n }, crossed[at]!);
    }
  }
}

/** A square of `unit` numbers a side times rows, `[unit, n]`. */
function timesRows(square: Float64Array, rows: Float64Array, unit: number): Float64Array {
  const n = rows.length / unit;
  const product = new Float64Array(rows.length);
  for (let i = 0; i < unit; i += 1) {
    for (let k = 0; k < unit; k += 1) {
      const place = { from: product, row: i, rows, i: k, n };
      subtract(place, -square[i * unit + k]!);
    }
  }
  return product;
}

/** A row of one matrix, and one of another, of `n` numbers each. */
interface RowPair {
  readonly from: Float64Array;
  readonly row: number;
  readonly rows: Float64Array;
  readonly i: number;
  readonly n: number;
}

/** `from[row] -= factor * rows[i]`, in place: this is most of the time, and a plain loop is what is fast. */
function subtract({ from, row, rows, i, n }: RowPair, factor: number): void {
  for (let at = row * n, other = i * n; other < (i + 1) * n; at += 1, other += 1)
    from[at]! -= factor * rows[other]!;
}
