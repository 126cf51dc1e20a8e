/** The layers of a packed list, operation by operation. Axes: see `packed-decoder.ts`. */
import * as g from '../../graph/operations/index.ts';
import { type DataType, integers, scalar, type Value } from '../../graph/value.ts';
import type { DecoderNetwork } from '../decoder-layers.ts';
import type { HeadRows } from './packed-attention.ts';
import type { TokenInputs } from './packed-inputs.ts';

/** What goes from layer to layer, `[T, W]` each. */
export interface Stream {
  /** The sum of what all layers gave so far. */
  readonly sum: Value;
  /** The same as the next part reads it: normalised. */
  readonly normed: Value;
}

/** Cosines and sines of some rows' positions, `[rows, D/2]` each. */
interface Turns {
  readonly cos: Value;
  readonly sin: Value;
}

/** See the file's header. */
export class PackedLayers {
  readonly #network: DecoderNetwork;
  readonly #type: 'float32' | 'float16';
  readonly #tokens: TokenInputs;
  /** In float32. */
  readonly #turns: Readonly<Record<'q' | 'k', Turns>>;
  readonly #typedTurns: Readonly<Record<'q' | 'k', Turns>>;

  constructor(network: DecoderNetwork, tokens: TokenInputs) {
    this.#network = network;
    this.#type = network.computeType ?? 'float32';
    this.#tokens = tokens;
    const each = ({ cos, sin }: Turns): Turns => ({
      cos: g.gather(cos, tokens.places),
      sin: g.gather(sin, tokens.places),
    });
    const typed = ({ cos, sin }: Turns): Turns => ({
      cos: g.cast(cos, this.#type),
      sin: g.cast(sin, this.#type),
    });
    // A query's scale is in its tables, where it costs nothing.
    const scale = scalar(1 / Math.sqrt(network.config.headSize));
    const scaled = { cos: g.multiply(tokens.cos, scale), sin: g.multiply(tokens.sin, scale) };
    this.#turns = { q: each(scaled), k: each(tokens) };
    this.#typedTurns = { q: typed(this.#turns.q), k: typed(this.#turns.k) };
  }

  /** What the first layer reads. */
  embeddings(): Stream {
    const { vocabulary, width: W } = this.#network.config;
    const table = this.#network.parameters('model.embed_tokens.weight', [vocabulary, W]);
    const sum = g.cast(g.gather(table, this.#tokens.ids), this.#type);
    return { sum, normed: this.#norm('model.layers.0.input_layernorm.weight', sum) };
  }

  /** What a layer's attention reads. */
  headRows(layer: number, { normed }: Stream): HeadRows {
    return {
      queries: this.#turned(layer, 'q', normed, this.#typedTurns.q),
      keys: this.#turned(layer, 'k', normed, this.#typedTurns.k),
      values: this.#projected(layer, 'v', normed),
    };
  }

  /** What the next layer reads: behind a layer's attention its output product and its feed-forward part. */
  next(layer: number, { sum }: Stream, context: Value): Stream {
    const { width: W, bias } = this.#network.config;
    const name = `model.layers.${layer}`;
    const output = this.#linear(`${name}.self_attn.o_proj`, context, W, bias.output);
    const after = this.#added(`${name}.post_attention_layernorm.weight`, output, sum);
    const inner = this.#feedForward(`${name}.mlp`, after.normed);
    const isLast = layer + 1 === this.#network.config.layers;
    const norm = isLast ? 'model.norm.weight' : `model.layers.${layer + 1}.input_layernorm.weight`;
    return this.#added(norm, inner, after.sum);
  }

  /** The vocabulary's logits after some rows of the last layer, float32 `[C, V]`. @param rows - int32 `[C]`. */
  tokenLogits({ normed }: Stream, rows: Value): Value {
    const { vocabulary, width: W, tiedEmbeddings } = this.#network.config;
    const table = tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    return g.cast(g.linear(g.gather(normed, rows), this.#tensor(table, [vocabulary, W])), 'float32');
  }

  /** Keys of the rows from the instruction's end to the query blocks, float32 `[M, K·D]`. */
  documentKeys(layer: number, { normed }: Stream): Value {
    const { endInstruction: start, startQueries: end } = this.#tokens;
    const own = (rows: Value): Value => g.sliceTo(rows, { axis: 0, start, end, length: 'M' });
    const { cos, sin } = this.#turns.k;
    return this.#turned(layer, 'k', g.cast(own(normed), 'float32'), { cos: own(cos), sin: own(sin) });
  }

  /** Queries of some rows, scaled, float32 `[S, H·D]`. @param rows - int32 `[S]`. */
  queriesOf(layer: number, { normed }: Stream, rows: Value): Value {
    const { cos, sin } = this.#turns.q;
    const turns = { cos: g.gather(cos, rows), sin: g.gather(sin, rows) };
    return this.#turned(layer, 'q', g.cast(g.gather(normed, rows), 'float32'), turns);
  }

  #turned(layer: number, part: 'q' | 'k', normed: Value, tables: Turns): Value {
    const { headSize: D, rope } = this.#network.config;
    const rows = this.#headNorm(layer, part, this.#projected(layer, part, normed));
    const [count, width] = rows.shape as readonly [string, number];
    // All tokens as one sequence, each with a row of its own in the tables: on CUDA only 65,535 sequences turn at once.
    const flat = g.reshape(rows, [1, count, width], [1, -1, width]);
    const form = { heads: width / D, pairs: rope.pairs };
    const turned = g.rotaryEmbedding(flat, integers(0), tables, form);
    return g.reshape(turned, [count, width], [-1, width]);
  }

  /** Rows of queries, keys or values, `[rows, heads·D]`. */
  #projected(layer: number, part: 'q' | 'k' | 'v', normed: Value): Value {
    const { keyValueHeads, heads, headSize: D, bias } = this.#network.config;
    const name = `model.layers.${layer}.self_attn.${part}_proj`;
    return this.#linear(name, normed, (part === 'q' ? heads : keyValueHeads) * D, bias.queryKeyValue);
  }

  /** Normalises each head of rows `[rows, heads·D]`, where the network does. */
  #headNorm(layer: number, part: 'q' | 'k', rows: Value): Value {
    const { queryKeyNorm, headSize: D } = this.#network.config;
    if (!queryKeyNorm) return rows;
    const [count, width] = rows.shape as readonly [string, number];
    const perHead = g.reshape(rows, [count, width / D, D], [-1, width / D, D]);
    const normed = this.#norm(`model.layers.${layer}.self_attn.${part}_norm.weight`, perHead);
    return g.reshape(normed, [count, width], [-1, width]);
  }

  /** `down(silu(gate(x)) * up(x))`. */
  #feedForward(name: string, x: Value): Value {
    const { innerWidth: F, width: W, bias } = this.#network.config;
    const gate = this.#linear(`${name}.gate_proj`, x, F, bias.feedForward);
    const up = this.#linear(`${name}.up_proj`, x, F, bias.feedForward);
    return this.#linear(`${name}.down_proj`, g.multiply(g.silu(gate), up), W, bias.feedForward);
  }

  #added(name: string, x: Value, residual: Value): Stream {
    const scale = this.#tensor(name, [this.#network.config.width]);
    return g.addedRmsNormalisation(x, residual, scale, this.#network.config.epsilon);
  }

  /** The mean square is summed in float32 inside the operator. */
  #norm(name: string, x: Value): Value {
    const scale = this.#tensor(name, [x.shape.at(-1) as number], x.type);
    return g.rmsNormalisation(x, scale, this.#network.config.epsilon);
  }

  #linear(name: string, x: Value, outputs: number, hasBias: boolean): Value {
    const weights = this.#tensor(`${name}.weight`, [outputs, x.shape[1] as number], x.type);
    return g.linear(x, weights, hasBias ? this.#tensor(`${name}.bias`, [outputs], x.type) : undefined);
  }

  #tensor(name: string, shape: readonly number[], type: DataType = this.#type): Value {
    return g.cast(this.#network.parameters(name, shape), type);
  }
}
