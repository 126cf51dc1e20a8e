/** A decoder's layers, operation by operation. Axes: see `decoder.ts`. */
import * as g from '../graph/operations/index.ts';
import { type Axis, integers, scalar, times, type Value } from '../graph/value.ts';
import type { DecoderConfig } from './decoder-config.ts';
import {
  type DecoderInputs,
  type DecoderPast,
  decoderInputs,
  type LayerStates,
  type SignalInputs,
  type SpanInputs,
} from './decoder-inputs.ts';
import type { Parameters } from './parameters.ts';

/** What every graph of a decoder is made of. */
export interface DecoderNetwork {
  /** The network's shape. */
  readonly config: DecoderConfig;
  /** Its weights. */
  readonly parameters: Parameters;
  /** Type of products; normalisation and softmax are float32. @defaultValue `'float32'` */
  readonly computeType?: 'float32' | 'float16' | undefined;
}

/** What one run reads. */
export interface DecoderRun {
  /** The sequences. @defaultValue {@link decoderInputs} */
  readonly inputs?: DecoderInputs | undefined;
  /** What the sequences see before their own tokens, of every layer that attends to it. @defaultValue nothing */
  readonly past?: DecoderPast | undefined;
}

/** A layer's own queries `[N, K, G·L, D]`, keys and values `[N, K, L, D]`. */
export interface Projections {
  /** Grouped by key head. */
  readonly queries: Value;
  /** At their positions. */
  readonly keys: Value;
  /** As projected. */
  readonly values: Value;
}

/** The layers of one run. */
export class DecoderLayers {
  readonly #config: DecoderConfig;
  readonly #parameters: Parameters;
  readonly #type: 'float32' | 'float16';
  readonly #inputs: DecoderInputs;
  readonly #past: DecoderPast | undefined;
  /** The axes `N` and `L` by their names in this graph. */
  readonly #axes: readonly [Axis, Axis];
  /** The axis `T`. */
  readonly #rows: Axis;

  constructor({ config, parameters, computeType = 'float32' }: DecoderNetwork, { inputs, past }: DecoderRun) {
    this.#config = config;
    this.#parameters = parameters;
    this.#type = computeType;
    this.#inputs = inputs ?? decoderInputs(config);
    this.#past = past;
    this.#axes = this.#inputs.ids.shape as readonly [Axis, Axis];
    this.#rows = times(...this.#axes);
  }

  /** `[T, W]`. */
  embeddings(): Value {
    const { vocabulary, width: W } = this.#config;
    const table = this.#parameters('model.embed_tokens.weight', [vocabulary, W]);
    const rows = g.cast(g.gather(table, this.#inputs.ids), this.#type);
    return g.reshape(rows, [this.#rows, W], [-1, W]);
  }

  /** One whole layer; `own` saves computing projections twice. */
  layer(layer: number, x: Value, own: Projections = this.projections(layer, x)): Value {
    const { heads: H, headSize: D, width: W } = this.#config;
    const name = `model.layers.${layer}`;
    const [N, L] = this.#axes;
    const { toPast, toOwn } = this.#attention(layer, own);
    const ofOwn = g.matmul(toOwn, own.values); // [N, K, G·L, D]
    const context = toPast ? g.add(g.matmul(toPast, this.#pastValues(layer)), ofOwn) : ofOwn;
    const perHead = g.reshape(context, [N, H, L, D], [0, H, -1, D]);
    const rows = g.reshape(g.transpose(perHead, [0, 2, 1, 3]), [this.#rows, H * D], [-1, H * D]);
    const after = g.add(x, this.#linear(`${name}.self_attn.o_proj`, rows, W, this.#config.bias.output));
    const inner = this.#norm(`${name}.post_attention_layernorm.weight`, after);
    return g.add(after, this.#feedForward(`${name}.mlp`, inner));
  }

  /** What a layer computes of its input before any attention. */
  projections(layer: number, x: Value): Projections {
    const { keyValueHeads: K, heads: H, headSize: D } = this.#config;
    const [N, L] = this.#axes;
    const normed = this.#normedInput(layer, x);
    const queries = this.#turned(layer, 'q', normed);
    const grouped = g.transpose(queries, [0, 2, 1, 3]);
    return {
      queries: g.reshape(grouped, [N, K, times(H / K, L), D], [0, K, -1, D]),
      keys: g.transpose(this.#turned(layer, 'k', normed), [0, 2, 1, 3]),
      values: g.transpose(this.#values(layer, normed), [0, 2, 1, 3]),
    };
  }

  /** Keys alone, `[N, K, L, D]`. */
  keysOnly(layer: number, x: Value): Value {
    return g.transpose(this.#turned(layer, 'k', this.#normedInput(layer, x)), [0, 2, 1, 3]);
  }

  /** `[N, K, L, D]` to float32 `[T, K, D]`. */
  tokenMajor(perHead: Value): Value {
    const { keyValueHeads: K, headSize: D } = this.#config;
    const rows = g.reshape(g.transpose(perHead, [0, 2, 1, 3]), [this.#rows, K, D], [-1, K, D]);
    return g.cast(rows, 'float32');
  }

  /** Scaled logits of signal tokens over documents' keys, float32 `[H, S, M]`. */
  signalLogits(layer: number, x: Value, signals: SignalInputs): Value {
    const { keyValueHeads: K, heads: H, headSize: D } = this.#config;
    const [S, M] = [signals.signals.shape[0]!, signals.documentKeys.shape[0]!];
    const rows = g.gather(x, signals.signals);
    const queries = this.#signalQueries(layer, rows, signals.signalPlaces); // [S, H, D]
    const grouped = g.reshape(g.transpose(queries, [1, 0, 2]), [K, times(H / K, S), D], [K, -1, D]);
    const keys = g.transpose(g.cast(signals.documentKeys, this.#type), [1, 2, 0]); // [K, D, M]
    const logits = g.cast(g.matmul(grouped, keys), 'float32');
    return g.reshapeTo(logits, [H, S, M], signals.logitShape);
  }

  /** Attention to each token of the past, summed over the sequence's tokens by their weights, float32 `[H, P]`. */
  spanAttention(layer: number, own: Projections, span: SpanInputs): Value {
    const { heads: H } = this.#config;
    const { toPast } = this.#attention(layer, own);
    if (!toPast) throw new TypeError('spanAttention: expected a past to attend to.');
    const P = toPast.shape[3]!;
    const attention = g.cast(toPast, 'float32'); // [1, K, G·L, P]
    const perHead = g.reshapeTo(attention, [H, this.#axes[1], P], span.attentionShape);
    const summed = g.matmul(span.spanWeights, perHead); // [H, 1, P]
    return g.reshapeTo(summed, [H, P], span.massShape);
  }

  /** The vocabulary's logits after some rows, float32 `[S, V]`. */
  tokenLogits(x: Value, signals: Value): Value {
    const { vocabulary, width: W, tiedEmbeddings } = this.#config;
    const last = this.#norm('model.norm.weight', g.gather(x, signals));
    const table = tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    return g.cast(g.linear(last, this.#tensor(table, [vocabulary, W])), 'float32');
  }

  /** Softmax over past and own tokens, in its two parts, `[N, K, G·L, P]` and `[N, K, G·L, L]`. */
  #attention(layer: number, { queries, keys }: Projections): { toPast: Value | undefined; toOwn: Value } {
    const own = g.cast(g.matmul(queries, g.turned(keys)), 'float32');
    const seen = g.add(own, this.#inputs.mask);
    // A run without a past reads none: WebGPU cannot multiply matrices without rows.
    if (!this.#past) return { toPast: undefined, toOwn: g.cast(g.softmax(seen), this.#type) };
    const states = this.#statesOf(layer).keys;
    const pastKeys = g.transpose(g.cast(states, this.#type), [1, 2, 0]); // [K, D, P]
    const past = g.cast(g.matmul(queries, pastKeys), 'float32');
    const attention = g.cast(g.softmax(g.concat([past, seen], 3)), this.#type);
    const { tokens: start, allTokens: end } = this.#past;
    return {
      toPast: g.sliceTo(attention, { axis: 3, start: integers(0), end: start, length: states.shape[0]! }),
      toOwn: g.sliceTo(attention, { axis: 3, start, end, length: this.#axes[1] }),
    };
  }

  /** `[K, P, D]`. */
  #pastValues(layer: number): Value {
    return g.transpose(g.cast(this.#statesOf(layer).values, this.#type), [1, 0, 2]);
  }

  /** What earlier sequences left behind in a layer. */
  #statesOf(layer: number): LayerStates {
    const states = this.#past?.layers[layer];
    if (!states) throw new RangeError(`decoder: expected a past of layer ${layer}, got none.`);
    return states;
  }

  #normedInput(layer: number, x: Value): Value {
    return this.#norm(`model.layers.${layer}.input_layernorm.weight`, x);
  }

  /** Rows of queries, keys or values, `[T, heads·D]`. */
  #projected(layer: number, part: 'q' | 'k' | 'v', normed: Value): Value {
    const { keyValueHeads, heads, headSize: D, bias } = this.#config;
    const name = `model.layers.${layer}.self_attn.${part}_proj`;
    return this.#linear(name, normed, (part === 'q' ? heads : keyValueHeads) * D, bias.queryKeyValue);
  }

  /** Values, `[N, L, K, D]`. */
  #values(layer: number, normed: Value): Value {
    const { keyValueHeads: K, headSize: D } = this.#config;
    return g.reshapeTo(this.#projected(layer, 'v', normed), [...this.#axes, K, D], this.#inputs.headShape);
  }

  /** Queries, scaled, or keys at their positions, `[N, L, heads, D]`. */
  #turned(layer: number, part: 'q' | 'k', normed: Value): Value {
    const { keyValueHeads, heads, headSize: D } = this.#config;
    const count = part === 'q' ? heads : keyValueHeads;
    const rows = this.#headNorm(layer, part, this.#projected(layer, part, normed));
    const flat = g.reshapeTo(rows, [...this.#axes, count * D], this.#inputs.rowShape);
    const turned = this.#turn(flat, this.#inputs.places, part);
    return g.reshape(turned, [...this.#axes, count, D], [0, 0, count, D]);
  }

  /** Scaled queries of signal tokens, `[S, H, D]`. */
  #signalQueries(layer: number, rows: Value, places: Value): Value {
    const { heads: H, headSize: D } = this.#config;
    const queries = this.#headNorm(layer, 'q', this.#projected(layer, 'q', this.#normedInput(layer, rows)));
    const S = rows.shape[0]!;
    const flat = g.reshape(queries, [1, S, H * D], [1, -1, H * D]);
    const turned = this.#turn(flat, places, 'q');
    return g.reshape(turned, [S, H, D], [-1, H, D]);
  }

  /** Normalises each head of rows `[T, heads·D]`. */
  #headNorm(layer: number, part: 'q' | 'k', rows: Value): Value {
    if (!this.#config.queryKeyNorm) return rows;
    const D = this.#config.headSize;
    const count = rows.shape[0]!;
    const heads = Number(rows.shape[1]) / D;
    const perHead = g.reshape(rows, [count, heads, D], [-1, heads, D]);
    const normed = this.#norm(`model.layers.${layer}.self_attn.${part}_norm.weight`, perHead);
    return g.reshape(normed, [count, heads * D], [-1, heads * D]);
  }

  /** Turns by position; a query's scale is in its tables, where it costs nothing. */
  #turn(flat: Value, places: Value, part: 'q' | 'k'): Value {
    const { headSize: D, rope } = this.#config;
    const scale = part === 'q' ? 1 / Math.sqrt(D) : 1;
    const table = (values: Value): Value =>
      g.cast(scale === 1 ? values : g.multiply(values, scalar(scale)), this.#type);
    const heads = Number(flat.shape[2]) / D;
    const tables = { cos: table(this.#inputs.cos), sin: table(this.#inputs.sin) };
    return g.rotaryEmbedding(flat, places, tables, { heads, pairs: rope.pairs });
  }

  /** `down(silu(gate(x)) * up(x))`. */
  #feedForward(name: string, x: Value): Value {
    const { innerWidth: F, width: W, bias } = this.#config;
    const gate = this.#linear(`${name}.gate_proj`, x, F, bias.feedForward);
    const up = this.#linear(`${name}.up_proj`, x, F, bias.feedForward);
    const inner = g.multiply(g.multiply(gate, g.sigmoid(gate)), up);
    return this.#linear(`${name}.down_proj`, inner, W, bias.feedForward);
  }

  #linear(name: string, x: Value, outputs: number, hasBias: boolean): Value {
    const weights = this.#tensor(`${name}.weight`, [outputs, x.shape[1] as number]);
    return g.linear(x, weights, hasBias ? this.#tensor(`${name}.bias`, [outputs]) : undefined);
  }

  /** In float32, whatever the products are in. */
  #norm(name: string, x: Value): Value {
    const scale = g.cast(this.#parameters(name, [x.shape.at(-1) as number]), 'float32');
    return g.cast(g.rmsNormalisation(g.cast(x, 'float32'), scale, this.#config.epsilon), this.#type);
  }

  #tensor(name: string, shape: readonly number[]): Value {
    return g.cast(this.#parameters(name, shape), this.#type);
  }
}
