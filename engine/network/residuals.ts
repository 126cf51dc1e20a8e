/**
 * Learned residual sums (LAuReL): what takes the place of `f(x) + x` where a network adds a part of a layer to its stream.
 *
 * Axes: `N` sums of a network, two a layer, `T` tokens, `W` width, `r` rank, `k` window.
 *
 * - `rw`: `a·f(x) + b·x`, with `a` and `b` in (0, 2).
 * - `lr`: `f(x) + x + x·down·up`.
 * - `pa`: `f(x) + x + (sum of share_j · x_{i-j}, j < k)·down·up`, where `x_i` is the stream before the sum, `x_{i-1}` the one
 *   before the last sum; before the first sum there is only `x_0`, which stands in for all that would come before it.
 *
 * Together: `a·f(x) + b·(x + lr + pa)`, each low-rank part with factors of its own.
 *
 * Source: Menghani, Kumar and Kumar, LAuReL: Learned Augmented Residual Layer (arXiv:2411.07501), section 2. There the weights
 * of `rw` go through a softmax or a sigmoid; twice a sigmoid is taken here, which is 1 where its number is 0.
 */
import * as g from '../graph/operations/index.ts';
import { input, scalar, type Value } from '../graph/value.ts';
import { appliedLayers, type LoopedShape } from './loops.ts';
import type { Parameters } from './parameters.ts';

/** What learned residual sums are made of. */
export type ResidualKind = (typeof residualKinds)[number];

/** Every kind, smallest first. */
export const residualKinds = ['rw', 'lr', 'pa', 'rw+lr', 'rw+pa', 'lr+pa', 'rw+lr+pa'] as const;

/** Kind and sizes of a residual. */
export interface ResidualForm {
  /** What it is made of. */
  readonly kind: ResidualKind;
  /** Rank `r` of its low-rank parts, at least 1; `rw` alone has none and ignores it. */
  readonly rank: number;
  /** Streams that `pa` looks back on, the present one among them, at least 1; the other kinds ignore it. */
  readonly window: number;
}

/** Sizes of the network that a residual belongs to. */
export interface ResidualSizes {
  /** Layers that are applied: of a looped network more than have weights of their own. */
  readonly layers: number;
  /** Values a vector, `W`. */
  readonly width: number;
}

/** Sizes of an encoder. Each application of a looped layer has sums of its own. */
export function residualSizes(config: LoopedShape & { readonly width: number }): ResidualSizes {
  return { layers: appliedLayers(config).length, width: config.width };
}

/** A residual of a graph. */
export interface Residual {
  /** Kind and sizes. */
  readonly form: ResidualForm;
  /** Its tensors, by the names of {@link residualShapes}. */
  readonly parameters: Parameters;
}

/** Sums of one layer: after attention, and after the feed-forward part. */
export const sumsPerLayer = 2;

const hasPart = ({ kind }: ResidualForm, part: 'rw' | 'lr' | 'pa'): boolean => kind.split('+').includes(part);

/** Name of a tensor of one sum, 0-based from the bottom of the network. */
export const residualName = (sum: number, tensor: string): string => `residual.${sum}.${tensor}`;

/** Shapes of a residual's tensors by name, in a fixed order. */
export function residualShapes(
  form: ResidualForm,
  { layers, width: W }: ResidualSizes,
): Map<string, readonly number[]> {
  const { rank: r, window: k } = form;
  const shapes = new Map<string, readonly number[]>();
  for (let sum = 0; sum < sumsPerLayer * layers; sum += 1) {
    const add = (tensor: string, ...shape: number[]): unknown => shapes.set(residualName(sum, tensor), shape);
    if (hasPart(form, 'rw')) add('rw', 2);
    if (hasPart(form, 'lr')) {
      add('lr.down', W, r);
      add('lr.up', r, W);
    }
    if (hasPart(form, 'pa')) {
      add('pa.down', W, r);
      add('pa.up', r, W);
      add('pa.shares', k);
    }
  }
  return shapes;
}

/** Numbers of a residual: of each sum 2 for `rw`, `2rW` for `lr`, `2rW + k` for `pa`. */
export function residualParameterCount(form: ResidualForm, { layers, width: W }: ResidualSizes): number {
  const { rank: r, window: k } = form;
  const perSum =
    (hasPart(form, 'rw') ? 2 : 0) +
    (hasPart(form, 'lr') ? 2 * r * W : 0) +
    (hasPart(form, 'pa') ? 2 * r * W + k : 0);
  return sumsPerLayer * layers * perSum;
}

/** The tensors of a residual as float32 inputs of a graph, by name. */
export function residualInputs(form: ResidualForm, sizes: ResidualSizes): Record<string, Value> {
  const shapes = [...residualShapes(form, sizes)];
  return Object.fromEntries(shapes.map(([name, shape]) => [name, input(name, 'float32', shape)]));
}

/**
 * Numbers with which a residual changes nothing, by name: `up` and the numbers of `rw` are 0; `down` has orthogonal columns,
 * `1 / sqrt(rW)` where `row mod r` is the column and 0 elsewhere; of the shares the present stream's is 1.
 */
export function residualStart(
  form: ResidualForm,
  sizes: ResidualSizes,
): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
  const start = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>();
  for (const [name, shape] of residualShapes(form, sizes)) {
    const data = new Float32Array(shape.reduce((product, axis) => product * axis, 1));
    if (name.endsWith('.down')) fillOrthogonal(data, form.rank, sizes.width);
    if (name.endsWith('.shares')) data[0] = 1;
    start.set(name, { shape, data });
  }
  return start;
}

function fillOrthogonal(down: Float32Array, r: number, W: number): void {
  for (let row = 0; row < W; row += 1) down[row * r + (row % r)] = 1 / Math.sqrt(r * W);
}

/** Builds the sums of one network, from the bottom up. */
export class ResidualSums {
  readonly #residual: Residual | undefined;
  /** The stream before each sum so far. */
  readonly #streams: Value[] = [];

  /** @param residual - @defaultValue none: plain sums */
  constructor(residual?: Residual) {
    this.#residual = residual;
  }

  /**
   * The next sum, in the stream's type, which is float32 in an encoder: half precision would round it anew in every layer.
   *
   * @param part - What a layer adds, `f(x)`, `[T, W]`.
   * @param stream - What it is added to, `x`, `[T, W]`.
   */
  next(part: Value, stream: Value): Value {
    const sum = this.#streams.push(stream) - 1;
    const given = g.cast(part, stream.type);
    if (!this.#residual) return g.add(given, stream);
    const gates = this.#gates(sum, stream);
    const carried = this.#lowRank(sum, stream).reduce((all, each) => g.add(all, each), stream);
    if (!gates) return g.add(given, carried);
    return g.add(g.multiply(given, gates.part), g.multiply(carried, gates.stream));
  }

  /** The weights of `rw`, `[1]` each. */
  #gates(sum: number, { type }: Value): { part: Value; stream: Value } | undefined {
    const { form, parameters } = this.#residual!;
    if (!hasPart(form, 'rw')) return undefined;
    const numbers = g.cast(parameters(residualName(sum, 'rw'), [2]), 'float32');
    const gates = g.cast(g.multiply(g.sigmoid(numbers), scalar(2)), type);
    return { part: one(gates, 0), stream: one(gates, 1) };
  }

  /** Low-rank parts, `[T, W]` each. */
  #lowRank(sum: number, stream: Value): Value[] {
    const { form } = this.#residual!;
    const parts: Value[] = [];
    if (hasPart(form, 'lr')) parts.push(this.#product(sum, 'lr', stream));
    if (hasPart(form, 'pa')) parts.push(this.#product(sum, 'pa', this.#lookBack(sum, stream.type)));
    return parts;
  }

  /** `x·down·up`. */
  #product(sum: number, part: 'lr' | 'pa', x: Value): Value {
    const { form, parameters } = this.#residual!;
    const W = x.shape[1] as number;
    const down = parameters(residualName(sum, `${part}.down`), [W, form.rank]);
    const up = parameters(residualName(sum, `${part}.up`), [form.rank, W]);
    return g.matmul(g.matmul(x, g.cast(down, x.type)), g.cast(up, x.type));
  }

  /** The last streams, by their shares. */
  #lookBack(sum: number, type: Value['type']): Value {
    const { form, parameters } = this.#residual!;
    const shares = g.cast(parameters(residualName(sum, 'pa.shares'), [form.window]), type);
    const weighed = Array.from({ length: form.window }, (_, j) =>
      g.multiply(this.#streams[Math.max(0, sum - j)]!, one(shares, j)),
    );
    return weighed.reduce((all, each) => g.add(all, each));
  }
}

/** One number of a row, `[1]`. */
const one = (row: Value, at: number): Value => g.slice(row, { axis: 0, start: at, end: at + 1 });
