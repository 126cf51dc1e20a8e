/**
 * Trained parts of the readout, beside its numbers. Each stands on the query's side or reads anchors alone, so that no block
 * state changes. Axes: `W` width of a vector, `R` rank of a projection, `H` width of the list layer.
 */
import type { QueryState } from './parameters.ts';

/** `x' = x + (x · down) · up`: a low-rank change of a vector. */
export interface Projection {
  /** Columns of `down`. */
  readonly rank: number;
  /** Shape `[W, R]`. */
  readonly down: Float32Array;
  /** Shape `[R, W]`; zeros leave every vector as it is. */
  readonly up: Float32Array;
}

/** The list layer's weights; see `listLogits`. */
export interface ListLayer {
  /** `H`. */
  readonly width: number;
  /** What a block says, shape `[W, H]`. */
  readonly content: Float32Array;
  /** What of a block is held against the query, shape `[W, H]`. */
  readonly match: Float32Array;
  /** What the query holds against it, shape `[W, H]`. */
  readonly query: Float32Array;
  /** Queries of the attention among the list's blocks, shape `[H, H]`. */
  readonly attendQuery: Float32Array;
  /** Its keys, shape `[H, H]`. */
  readonly attendKey: Float32Array;
  /** Its values, shape `[H, H]`. */
  readonly attendValue: Float32Array;
  /** From the layer to a logit, shape `[H]`. */
  readonly hidden: Float32Array;
  /** From a block's anchor to a logit, shape `[W]`. */
  readonly prior: Float32Array;
}

/** Trained parts; those that are absent change nothing. */
export interface ReadoutHeads {
  /** Values a vector, `W`. */
  readonly width: number;
  /** Of the anchor while it reads. */
  readonly reading?: Projection;
  /** Of the anchor that has read, where documents are scored. */
  readonly anchor?: Projection;
  /** Of the query's tokens. */
  readonly token?: Projection;
  /** Adds a logit a block. */
  readonly list?: ListLayer;
}

/** Sizes of trained parts; 0 leaves a part out. */
export interface HeadSizes {
  /** Values a vector, `W`. */
  readonly width: number;
  /** Rank of {@link ReadoutHeads.reading}. */
  readonly readingRank: number;
  /** Rank of {@link ReadoutHeads.anchor}. */
  readonly anchorRank: number;
  /** Rank of {@link ReadoutHeads.token}. */
  readonly tokenRank: number;
  /** Width of {@link ReadoutHeads.list}, `H`. */
  readonly listWidth: number;
}

/** The projections, by the name that their tensors begin with. */
export const projectionNames = ['reading', 'anchor', 'token'] as const;
/** One of {@link projectionNames}. */
export type ProjectionName = (typeof projectionNames)[number];

/** Tensors of the list layer by name, and their shapes: `W` and `H` stand for the widths. */
export const listShapes = {
  content: ['W', 'H'],
  match: ['W', 'H'],
  query: ['W', 'H'],
  attendQuery: ['H', 'H'],
  attendKey: ['H', 'H'],
  attendValue: ['H', 'H'],
  hidden: ['H'],
  prior: ['W'],
} as const;

/** Shapes of all tensors of some sizes, by name: `anchor.down`, `list.content` and so on. */
export function headShapes(sizes: HeadSizes): ReadonlyMap<string, readonly number[]> {
  const { width: W, listWidth: H } = sizes;
  const shapes = new Map<string, readonly number[]>();
  for (const name of projectionNames) {
    const R = sizes[`${name}Rank`];
    if (R === 0) continue;
    shapes.set(`${name}.down`, [W, R]);
    shapes.set(`${name}.up`, [R, W]);
  }
  if (H > 0) {
    for (const [name, axes] of Object.entries(listShapes)) {
      shapes.set(
        `list.${name}`,
        axes.map((axis) => (axis === 'W' ? W : H)),
      );
    }
  }
  return shapes;
}

/** Parts from their tensors by name, row-major. @throws TypeError for a name that {@link headShapes} has and the tensors lack. */
export function toHeads(
  sizes: HeadSizes,
  tensors: ReadonlyMap<string, { readonly data: Float32Array }>,
): ReadoutHeads {
  const tensor = (name: string): Float32Array => {
    const found = tensors.get(name);
    if (!found) throw new TypeError(`toHeads: expected a tensor "${name}", got none.`);
    return found.data;
  };
  const projections = projectionNames
    .filter((name) => sizes[`${name}Rank`] > 0)
    .map((name): [ProjectionName, Projection] => [
      name,
      { rank: sizes[`${name}Rank`], down: tensor(`${name}.down`), up: tensor(`${name}.up`) },
    ]);
  const layer = Object.keys(listShapes).map((name) => [name, sizes.listWidth > 0 && tensor(`list.${name}`)]);
  return {
    width: sizes.width,
    ...Object.fromEntries(projections),
    ...(sizes.listWidth > 0 && {
      list: { width: sizes.listWidth, ...Object.fromEntries(layer) } as ListLayer,
    }),
  };
}

/** Rows `[N, W]` after a projection; the same rows without one. */
export function projected<Rows extends Float32Array | Float64Array>(
  rows: Rows,
  width: number,
  projection: Projection | undefined,
): Rows {
  if (!projection) return rows;
  const low = multiplied(rows, projection.down, projection.rank);
  const change = multiplied(low, projection.up, width);
  return rows.map((value, i) => value + change[i]!) as Rows;
}

/** `rows [N, K] · matrix [K, columns]`, shape `[N, columns]`. */
export function multiplied(
  rows: Float32Array | Float64Array,
  matrix: Float32Array,
  columns: number,
): Float64Array {
  const K = matrix.length / columns;
  const N = rows.length / K;
  const result = new Float64Array(N * columns);
  // A plain loop over rows of the matrix: it runs over every value of every anchor of a list.
  for (let n = 0; n < N; n += 1) {
    for (let k = 0; k < K; k += 1) {
      const value = rows[n * K + k]!;
      for (let c = 0; c < columns; c += 1) {
        result[n * columns + c] = result[n * columns + c]! + value * matrix[k * columns + c]!;
      }
    }
  }
  return result;
}

/** The query as the token head reads it. */
export function tokenQuery<Query extends Pick<QueryState, 'tokens' | 'width'>>(
  query: Query,
  heads: ReadoutHeads | undefined,
): Query {
  if (!heads?.token) return query;
  return { ...query, tokens: projected(query.tokens, query.width, heads.token) };
}
