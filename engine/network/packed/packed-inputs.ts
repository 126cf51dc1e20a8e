/** What a packed graph is told about its list, as values. Axes: see `packed-decoder.ts`. */
import { input, times, type Value } from '../../graph/value.ts';

/** One block's own causal mask: what a row's place is, and what a column's. */
export interface MaskInputs {
  /** Place of each row's token, float32 `[G·L, 1]`. */
  readonly rows: Value;
  /** Place of each column's token, float32 `[1, L]`. */
  readonly columns: Value;
}

/** How the fused operator is told lengths. */
export interface LengthInputs {
  /** See `AttentionInputs`. */
  readonly lastPlaces: Value;
  /** See `AttentionInputs`. */
  readonly longest: Value;
}

/** The tokens of a list. */
export interface TokenInputs {
  /** Token ids, int32 `[T]`. */
  readonly ids: Value;
  /** Each token's row in the rotations, int32 `[T]`. */
  readonly places: Value;
  /** Cosines of the positions that occur, float32 `[R, D/2]`. */
  readonly cos: Value;
  /** Their sines, float32 `[R, D/2]`. */
  readonly sin: Value;
  /** The first token behind the instruction, int64 `[1]`. */
  readonly endInstruction: Value;
  /** The first token of the query blocks, int64 `[1]`. */
  readonly startQueries: Value;
}

/** Tokens that are fed. @param headSize - `D`. */
export function tokenInputs(headSize: number): TokenInputs {
  return {
    ids: input('ids', 'int32', ['T']),
    places: input('places', 'int32', ['T']),
    cos: input('cos', 'float32', ['R', headSize / 2]),
    sin: input('sin', 'float32', ['R', headSize / 2]),
    endInstruction: input('endInstruction', 'int64', [1]),
    startQueries: input('startQueries', 'int64', [1]),
  };
}

/** Name of what a block is fed. */
export const named = (block: string, what: string): string => `${block}.${what}`;
/** Name of a bucket, and its axes `N` and `L`. */
export const bucketOf = (bucket: number): string => `bucket_${bucket}`;
/** Name of a query block, and its axis `L`. */
export const queryOf = (query: number): string => `query_${query}`;

/** Mask of a block. @param group - `G`. @param length - The axis `L`. */
export function maskInputs(block: string, group: number, length: string): MaskInputs {
  return {
    rows: input(named(block, 'rows'), 'float32', [times(group, length), 1]),
    columns: input(named(block, 'columns'), 'float32', [1, length]),
  };
}

/** Lengths of a block's sequences. @param sequences - The axis `N`. */
export function lengthInputs(block: string, sequences: string | 1): LengthInputs {
  return {
    lastPlaces: input(named(block, 'lastPlaces'), 'int32', [sequences]),
    longest: input(named(block, 'longest'), 'int32', []),
  };
}

/** The rows of a bucket's sequences, int32 `[N, L]`. */
export const indexInput = (block: string): Value =>
  input(named(block, 'index'), 'int32', [named(block, 'N'), named(block, 'L')]);

/** Where a query block begins and ends, int64 `[1]` each. */
export const rangeInputs = (block: string): { readonly start: Value; readonly end: Value } => ({
  start: input(named(block, 'start'), 'int64', [1]),
  end: input(named(block, 'end'), 'int64', [1]),
});

/** The row of what all blocks gave, one after another, that is each token's, int32 `[T]`. */
export const backInput = (): Value => input('back', 'int32', ['T']);

/** Rows of the signal tokens, int32 `[S]`. */
export const signalsInput = (): Value => input('signals', 'int32', ['S']);

/** Rows after which a token of the completion comes, int32 `[C]`. */
export const completionInput = (): Value => input('completion', 'int32', ['C']);

/** How much each of a query block's tokens counts for each head of a group, float32 `[G, G·L]`. */
export const weightsInput = (block: string, group: number, length: string): Value =>
  input(named(block, 'weights'), 'float32', [group, times(group, length)]);
