/** Where the tokens of a list stand in one run: the instruction, the documents by length, the query blocks. */
import type { PackedForm } from './packed-form.ts';

/** The blocks of one list. */
export interface PackedList {
  /** The instruction's token ids; its first token has position 0. */
  readonly instruction: Int32Array;
  /** Each document's token ids, in the prompt's order. */
  readonly documents: readonly Int32Array[];
  /** Each query block's token ids. */
  readonly queries: readonly Int32Array[];
  /** Position of every query block's first token. */
  readonly queryPosition: number;
}

/** The lengths of a list's blocks, in tokens. */
export interface ListSize {
  /** The instruction. */
  readonly instruction: number;
  /** Each document, in the prompt's order. */
  readonly documents: readonly number[];
  /** Each query block. */
  readonly queries: readonly number[];
}

/** Documents of like length: places in {@link PackedLayout.order}, `to` exclusive. */
export interface Bucket {
  /** The first. */
  readonly from: number;
  /** The one after the last. */
  readonly to: number;
  /** Tokens of its longest document. */
  readonly longest: number;
}

/** See the file's header. */
export interface PackedLayout {
  /** Lengths of the blocks. */
  readonly size: ListSize;
  /** Documents by their place in the prompt, shortest first; in a causal context as the prompt has them. */
  readonly order: readonly number[];
  /** As many as the form says, or fewer. */
  readonly buckets: readonly Bucket[];
  /** Tokens of instruction and documents. */
  readonly seen: number;
  /** Tokens of all blocks. */
  readonly tokens: number;
}

/** The lengths of a list. */
export const sizeOf = ({ instruction, documents, queries }: PackedList): ListSize => ({
  instruction: instruction.length,
  documents: documents.map(({ length }) => length),
  queries: queries.map(({ length }) => length),
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Lays a list out. */
export function packedLayout(size: ListSize, { context, attention, buckets }: PackedForm): PackedLayout {
  const { instruction, documents, queries } = size;
  const order = [...documents.keys()];
  const seen = instruction + sum(documents);
  const layout = { size, order, seen, tokens: seen + sum(queries) };
  if (context === 'causal') return { ...layout, buckets: [] };
  order.sort((a, b) => documents[a]! - documents[b]! || a - b);
  const lengths = order.map((index) => documents[index]!);
  const repeated = attention === 'fused' ? instruction : 0;
  return { ...layout, buckets: toBuckets(lengths, buckets, repeated) };
}

/** Documents of one length, and the cheapest way to cut all up to them. */
interface Step {
  readonly to: number;
  readonly longest: number;
  /** By number of buckets: rows that they have, and the step that the last of them begins after. */
  readonly best: readonly { readonly rows: number; readonly after: number }[];
}

/**
 * Cuts lengths into the buckets that have the fewest rows together, padding included.
 *
 * @param lengths - Ascending.
 * @param most - Buckets at most.
 * @param repeated - Rows that each sequence has besides its own tokens.
 */
export function toBuckets(lengths: readonly number[], most: number, repeated: number): Bucket[] {
  const steps: Step[] = [{ to: 0, longest: 0, best: [{ rows: 0, after: 0 }] }];
  lengths.forEach((longest, at) => {
    if (lengths[at + 1] === longest) return;
    steps.push(toStep(steps, { to: at + 1, longest }, { most, repeated }));
  });
  const buckets: Bucket[] = [];
  let at = steps.length - 1;
  for (let count = steps[at]!.best.length - 1; count > 0; count -= 1) {
    const { to, longest, best } = steps[at]!;
    at = best[count]!.after;
    buckets.unshift({ from: steps[at]!.to, to, longest });
  }
  return buckets;
}

function toStep(
  steps: readonly Step[],
  { to, longest }: Pick<Step, 'to' | 'longest'>,
  { most, repeated }: { readonly most: number; readonly repeated: number },
): Step {
  const best = [{ rows: Number.POSITIVE_INFINITY, after: 0 }];
  for (let count = 1; count <= Math.min(most, steps.length); count += 1) {
    let least = best[0]!;
    // One bucket fewer ends after an earlier step; `count - 1` buckets need as many steps.
    for (let after = count - 1; after < steps.length; after += 1) {
      const before = steps[after]!;
      const rows = before.best[count - 1]!.rows + (to - before.to) * (repeated + longest);
      if (rows < least.rows) least = { rows, after };
    }
    best.push(least);
  }
  return { to, longest, best };
}

/**
 * Brings values that stand in a layout's order of tokens back to the prompt's.
 *
 * @param values - Row-major, shape `[rows, before + documents' tokens]`: the first `before` values of a row stay.
 */
export function toPromptOrder(
  values: Float32Array,
  { order, size: { documents } }: PackedLayout,
  before: number,
): Float32Array {
  if (order.every((index, at) => index === at)) return values;
  const starts = new Int32Array(documents.length);
  documents.forEach((_, index) => {
    if (index > 0) starts[index] = starts[index - 1]! + documents[index - 1]!;
  });
  const width = before + sum(documents);
  const moved = new Float32Array(values.length);
  for (let row = 0; row < values.length; row += width) {
    moved.set(values.subarray(row, row + before), row);
    let at = row + before;
    for (const index of order) {
      const count = documents[index]!;
      moved.set(values.subarray(at, at + count), row + before + starts[index]!);
      at += count;
    }
  }
  return moved;
}
