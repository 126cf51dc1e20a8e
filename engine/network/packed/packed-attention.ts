/** Attention of a packed list: each block by itself, then all rows together again. Axes: see `packed-decoder.ts`. */
import { maskedLogit } from '../../graph/masked-logit.ts';
import * as g from '../../graph/operations/index.ts';
import { type Axis, integers, scalar, times, type Value } from '../../graph/value.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import type { PackedForm } from './packed-form.ts';
import {
  backInput,
  bucketOf,
  indexInput,
  lengthInputs,
  maskInputs,
  named,
  queryOf,
  rangeInputs,
  type TokenInputs,
} from './packed-inputs.ts';

/** A layer's queries `[T, H·D]`, scaled and turned, keys `[T, K·D]`, turned, and values `[T, K·D]`. */
export interface HeadRows {
  /** See {@link HeadRows}. */
  readonly queries: Value;
  /** See {@link HeadRows}. */
  readonly keys: Value;
  /** See {@link HeadRows}. */
  readonly values: Value;
}

/** Rows of one block: `N` sequences of `L` tokens, `[N, L, heads·D]` each. */
interface BlockRows extends HeadRows {
  readonly axes: readonly [N: Axis, L: Axis];
}

/** Keys `[1, K, P, D]` and values `[1, K, P, D]` that a block sees before its own. */
interface Seen {
  readonly keys: Value;
  readonly values: Value;
  /** How many, int64 `[1]`. */
  readonly tokens: Value;
}

/** What attention gives. */
export interface Attended {
  /** Values as each token sees them, `[T, H·D]`. */
  readonly context: Value;
  /** By query block: its softmax over the tokens that it sees before its own, float32 `[1, K, G·L, P]`. */
  readonly attention: readonly Value[];
}

/** See the file's header. */
export class PackedAttention {
  readonly #config: DecoderConfig;
  readonly #type: 'float32' | 'float16';
  readonly #form: PackedForm;
  readonly #tokens: TokenInputs;
  readonly #masks = new Map<string, Value>();

  constructor(
    config: DecoderConfig,
    {
      type,
      form,
      tokens,
    }: { readonly type: 'float32' | 'float16'; readonly form: PackedForm; readonly tokens: TokenInputs },
  ) {
    this.#config = config;
    this.#type = type;
    this.#form = form;
    this.#tokens = tokens;
  }

  /**
   * One layer's attention.
   *
   * @param isRead - Whether the query blocks' attention is needed: then they go by products.
   */
  attend(rows: HeadRows, isRead: boolean): Attended {
    const { context, queries, attention: kind } = this.#form;
    const seen = this.#seen(rows, 'P', this.#tokens.startQueries);
    const asked = Array.from({ length: queries }, (_, query) => {
      const own = this.#queryRows(rows, query);
      const block = queryOf(query);
      return isRead || kind === 'products' ? this.#products(own, block, seen) : this.#fused(own, block, seen);
    });
    const documents = context === 'causal' ? [this.#sequence(rows)] : this.#blocks(rows);
    const parts = [...documents, ...asked].map(({ rows: own }) => own);
    const all = g.concat(parts, 0, context === 'causal' ? 'T' : 'rows');
    return {
      context: context === 'causal' ? all : g.gather(all, backInput()),
      attention: asked.flatMap(({ toSeen }) => (toSeen ? [toSeen] : [])),
    };
  }

  /** Instruction and documents as one sequence. */
  #sequence(rows: HeadRows): BlockAttended {
    const own = this.#rowsBetween(rows, 'P', { start: integers(0), end: this.#tokens.startQueries });
    return this.#form.attention === 'fused' ? this.#fused(own, 'sequence') : this.#products(own, 'sequence');
  }

  /** Every bucket; by products, the instruction before them. */
  #blocks(rows: HeadRows): BlockAttended[] {
    const isFused = this.#form.attention === 'fused';
    const names = Array.from({ length: this.#form.buckets }, (_, bucket) => bucketOf(bucket));
    // A fused sequence begins with the instruction, whose own rows are the first sequence's.
    if (isFused) return names.map((block) => this.#fused(this.#bucketRows(rows, block), block));
    const { endInstruction } = this.#tokens;
    const instruction = this.#rowsBetween(rows, 'I', { start: integers(0), end: endInstruction });
    const seen = this.#seen(rows, 'I', endInstruction);
    return [
      this.#products(instruction, 'instruction'),
      ...names.map((block) => this.#products(this.#bucketRows(rows, block), block, seen)),
    ];
  }

  #fused({ queries, keys, values, axes: [N, L] }: BlockRows, block: string, seen?: Seen): BlockAttended {
    const { heads, keyValueHeads, headSize: D } = this.#config;
    const context = g.groupQueryAttention(
      {
        query: queries,
        key: keys,
        value: values,
        ...(seen ? { past: seen } : {}),
        ...lengthInputs(block, N as string | 1),
      },
      { heads, keyValueHeads, scale: 1 }, // the queries come scaled
    );
    return { rows: g.reshape(context, [times(N, L), heads * D], [-1, heads * D]) };
  }

  /** Softmax over what is seen before and over own tokens, in float32, times their values. */
  #products(own: BlockRows, block: string, seen?: Seen): BlockAttended {
    const [N, L] = own.axes;
    const queries = this.#grouped(own.queries, own.axes);
    const keys = g.turned(this.#perHead(own.keys, own.axes));
    const values = this.#perHead(own.values, own.axes);
    const logits = g.add(g.cast(g.matmul(queries, keys), 'float32'), this.#mask(block, L));
    if (!seen) {
      const attention = g.cast(g.softmax(logits), this.#type);
      return { rows: this.#ungrouped(g.matmul(attention, values), [N, L]) };
    }
    const before = g.cast(g.matmul(queries, g.turned(seen.keys)), 'float32');
    const attention = g.softmax(g.concat([before, logits], 3));
    const P = seen.keys.shape[2]!;
    const toSeen = g.sliceTo(attention, { axis: 3, start: integers(0), end: seen.tokens, length: P });
    const toOwn = g.sliceTo(attention, { axis: 3, start: seen.tokens, length: L });
    const context = g.add(
      g.matmul(g.cast(toSeen, this.#type), seen.values),
      g.matmul(g.cast(toOwn, this.#type), values),
    );
    return { rows: this.#ungrouped(context, [N, L]), toSeen };
  }

  /** Hides what comes after a token, float32 `[G·L, L]`: made on the device, once a block, from the places. */
  #mask(block: string, L: Axis): Value {
    const { heads, keyValueHeads } = this.#config;
    const { rows, columns } = maskInputs(block, heads / keyValueHeads, String(L));
    const known = this.#masks.get(block);
    const mask = known ?? g.multiply(g.maximum(g.subtract(columns, rows), scalar(0)), scalar(maskedLogit));
    this.#masks.set(block, mask);
    return mask;
  }

  #seen({ keys, values }: HeadRows, axis: string, tokens: Value): Seen {
    const { keyValueHeads: K, headSize: D } = this.#config;
    const of = (rows: Value): Value => {
      const first = g.sliceTo(rows, { axis: 0, start: integers(0), end: tokens, length: axis });
      return this.#perHead(g.reshape(first, [1, axis, K * D], [1, -1, K * D]), [1, axis]);
    };
    return { keys: of(keys), values: of(values), tokens };
  }

  #bucketRows({ queries, keys, values }: HeadRows, block: string): BlockRows {
    const index = indexInput(block);
    const of = (rows: Value): Value => g.gather(rows, index);
    const axes = [named(block, 'N'), named(block, 'L')] as const;
    return { queries: of(queries), keys: of(keys), values: of(values), axes };
  }

  #queryRows(rows: HeadRows, query: number): BlockRows {
    const block = queryOf(query);
    return this.#rowsBetween(rows, named(block, 'L'), rangeInputs(block));
  }

  #rowsBetween(
    { queries, keys, values }: HeadRows,
    axis: string,
    { start, end }: { readonly start: Value; readonly end: Value },
  ): BlockRows {
    const of = (rows: Value): Value => {
      const width = rows.shape[1] as number;
      const own = g.sliceTo(rows, { axis: 0, start, end, length: axis });
      return g.reshape(own, [1, axis, width], [1, -1, width]);
    };
    return { queries: of(queries), keys: of(keys), values: of(values), axes: [1, axis] };
  }

  /** `[N, L, H·D]` to `[N, K, G·L, D]`. */
  #grouped(rows: Value, [N, L]: readonly [Axis, Axis]): Value {
    const { heads: H, keyValueHeads: K, headSize: D } = this.#config;
    const perHead = g.transpose(g.reshape(rows, [N, L, H, D], [0, 0, H, D]), [0, 2, 1, 3]);
    return g.reshape(perHead, [N, K, times(H / K, L), D], [0, K, -1, D]);
  }

  /** `[N, L, K·D]` to `[N, K, L, D]`. */
  #perHead(rows: Value, [N, L]: readonly [Axis, Axis]): Value {
    const { keyValueHeads: K, headSize: D } = this.#config;
    return g.transpose(g.reshape(rows, [N, L, K, D], [0, 0, K, D]), [0, 2, 1, 3]);
  }

  /** `[N, K, G·L, D]` to `[N·L, H·D]`. */
  #ungrouped(context: Value, [N, L]: readonly [Axis, Axis]): Value {
    const { heads: H, headSize: D } = this.#config;
    const perHead = g.reshape(context, [N, H, L, D], [0, H, -1, D]);
    return g.reshape(g.transpose(perHead, [0, 2, 1, 3]), [times(N, L), H * D], [-1, H * D]);
  }
}

interface BlockAttended {
  /** `[N·L, H·D]`. */
  readonly rows: Value;
  readonly toSeen?: Value;
}
