/**
 * What a decoder computes, as graphs: RMSNorm, rotary positions, grouped queries, SwiGLU.
 *
 * A run reads one or more sequences that share a past. Axes: `N` sequences, `L` tokens of the longest, `T = N·L`,
 * `W` width, `H` query heads, `K` key heads, `G = H / K`, `D` head size, `P` tokens of the past, `S` signal tokens.
 * Keys and values are token-major, `[tokens, K, D]`, so that sequences are appended by appending their bytes.
 *
 * Source: Touvron et al., Llama (arXiv:2302.13971); names of the weights as in Hugging Face's checkpoints.
 */
import { ModelFormatError } from '../errors.ts';
import { toOnnx } from '../graph/onnx.ts';
import * as g from '../graph/operations/index.ts';
import type { TensorValue } from '../graph/tensor.ts';
import { type DataType, fileTensor, input, integers, scalar, type Value } from '../graph/value.ts';
import type { WeightTable } from '../weights/weight-table.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { rotations } from './rope.ts';

/** What every graph of a decoder is made of. */
export interface DecoderParts {
  /** The network's shape. */
  readonly config: DecoderConfig;
  /** Its weights. */
  readonly weights: WeightTable;
  /** Type of products; normalisation and softmax are float32. @defaultValue `'float32'` */
  readonly computeType?: 'float32' | 'float16';
}

/** Output names of {@link statesGraph}. */
export const keysOf = (layer: number): string => `keys_${layer}`;
/** See {@link keysOf}. */
export const valuesOf = (layer: number): string => `values_${layer}`;
/** Input names of what earlier sequences left behind, by what they are named when a graph gives them. */
export const pastOf = (output: string): string => `past_${output}`;
/** Output names of {@link attentionGraph}. */
export const attentionOf = (layer: number): string => `attention_${layer}`;

/**
 * What sequences leave behind: `keys_i` and `values_i` float32 `[T, K, D]` of each layer below `layers`. With
 * `lastKeys`, also `keys_layers`: the one thing that a scoring layer reads of a document.
 *
 * @throws ModelFormatError when a weight is missing or has another shape.
 */
export function statesGraph(
  parts: DecoderParts,
  {
    layers,
    lastKeys,
    hasPast,
  }: { readonly layers: number; readonly lastKeys: boolean; readonly hasPast: boolean },
): Uint8Array {
  const builder = new DecoderBuilder(parts, hasPast);
  const outputs: Record<string, Value> = {};
  let x = builder.embeddings();
  for (let layer = 0; layer < layers; layer += 1) {
    const own = builder.projections(layer, x);
    outputs[keysOf(layer)] = builder.tokenMajor(own.keys);
    outputs[valuesOf(layer)] = builder.tokenMajor(own.values);
    // What the last layer does with its values is read by nobody.
    if (layer + 1 < layers || lastKeys) x = builder.layer(layer, x, own);
  }
  if (lastKeys) outputs[keysOf(layers)] = builder.tokenMajor(builder.keysOnly(layers, x));
  return toOnnx(outputs);
}

/**
 * Scaled logits of signal tokens over the documents' keys, before any softmax: `logits` float32 `[H, S, M]`, where
 * `documentKeys` float32 `[M, K, D]` are the scoring layer's keys of documents.
 */
export function signalGraph(parts: DecoderParts, scoringLayer: number): Uint8Array {
  const builder = new DecoderBuilder(parts);
  let x = builder.embeddings();
  for (let layer = 0; layer < scoringLayer; layer += 1) x = builder.layer(layer, x);
  return toOnnx({ logits: builder.signalLogits(scoringLayer, x) });
}

/**
 * Attention that a span pays to its past: `attention_i` float32 `[H, P]` for layers `from` to `to - 1`, the weighted
 * sum over the sequence's tokens (`spanWeights` float32 `[1, L]`) of their softmax over past and own tokens.
 */
export function attentionGraph(
  parts: DecoderParts,
  { from, to }: { readonly from: number; readonly to: number },
): Uint8Array {
  const builder = new DecoderBuilder(parts);
  const outputs: Record<string, Value> = {};
  let x = builder.embeddings();
  for (let layer = 0; layer < to; layer += 1) {
    const own = builder.projections(layer, x);
    if (layer >= from) outputs[attentionOf(layer)] = builder.spanAttention(layer, own);
    if (layer + 1 < to) x = builder.layer(layer, x, own);
  }
  return toOnnx(outputs);
}

/** The vocabulary's logits after the signal tokens: `logits` float32 `[S, V]`. Every layer is computed. */
export function tokenGraph(parts: DecoderParts, { hasPast }: { readonly hasPast: boolean }): Uint8Array {
  const builder = new DecoderBuilder(parts, hasPast);
  let x = builder.embeddings();
  for (let layer = 0; layer < parts.config.layers; layer += 1) x = builder.layer(layer, x);
  return toOnnx({ logits: builder.tokenLogits(x) });
}

function int64(...values: number[]): TensorValue {
  return { type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

/** One run's sequences. */
export interface DecoderBatch {
  /** Token ids of each sequence. */
  readonly sequences: readonly Int32Array[];
  /** Position of every sequence's first token. */
  readonly firstPosition: number;
  /** Tokens of the past that the sequences share. */
  readonly pastTokens: number;
}

/** Large enough that a masked logit adds exactly 0 to a softmax, and far from the end of float32. */
const masked = -1e30;

/**
 * What every graph is fed besides the past: ids padded on the right (no token looks at what comes after it, so padding
 * changes nothing), rotations, a causal mask and the lengths that shapes need.
 */
export function toDecoderFeeds(
  { sequences, firstPosition, pastTokens }: DecoderBatch,
  config: DecoderConfig,
): Record<string, TensorValue> {
  const N = sequences.length;
  const L = Math.max(...sequences.map(({ length }) => length));
  const G = config.heads / config.keyValueHeads;
  const ids = new BigInt64Array(N * L);
  sequences.forEach((sequence, n) => {
    sequence.forEach((id, j) => {
      ids[n * L + j] = BigInt(id);
    });
  });
  const mask = new Float32Array(G * L * L);
  for (let row = 0; row < G * L; row += 1) mask.fill(masked, row * L + (row % L) + 1, (row + 1) * L);
  return {
    ids: { type: 'int64', shape: [N, L], data: ids },
    mask: { type: 'float32', shape: [G * L, L], data: mask },
    headShape: int64(N, L, -1, config.headSize),
    rowShape: int64(N, L, -1),
    places: {
      type: 'int64',
      shape: [N, L],
      data: BigInt64Array.from({ length: N * L }, (_, i) => BigInt(i % L)),
    },
    pastTokens: int64(pastTokens),
    allTokens: int64(pastTokens + L),
    ...rotations(config.rope, config.headSize, firstPosition, L),
  };
}

/** What {@link signalGraph} is fed besides: the signal tokens' places, and the scoring layer's keys of documents. */
export function toSignalFeeds(
  { heads, keyValueHeads, headSize }: DecoderConfig,
  signals: readonly number[],
  documentKeys: Float32Array,
): Record<string, TensorValue> {
  const documents = documentKeys.length / (keyValueHeads * headSize);
  return {
    signals: int64(...signals),
    signalPlaces: { ...int64(...signals), shape: [1, signals.length] },
    documentKeys: { type: 'float32', shape: [documents, keyValueHeads, headSize], data: documentKeys },
    logitShape: int64(heads, signals.length, documents),
  };
}

/** What {@link attentionGraph} is fed besides: how much each of the sequence's tokens counts, shape `[L]`. */
export function toSpanFeeds(
  { heads }: DecoderConfig,
  weights: Float32Array,
  pastTokens: number,
): Record<string, TensorValue> {
  return {
    spanWeights: { type: 'float32', shape: [1, weights.length], data: weights },
    attentionShape: int64(heads, weights.length, pastTokens),
    massShape: int64(heads, pastTokens),
  };
}

/** A layer's own queries `[N, K, G·L, D]`, keys and values `[N, K, L, D]`. */
interface Projections {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

class DecoderBuilder {
  readonly #config: DecoderConfig;
  readonly #weights: WeightTable;
  readonly #type: 'float32' | 'float16';
  readonly #hasPast: boolean;
  readonly #headShape = input('headShape', 'int64', [4]);
  readonly #pastTokens = input('pastTokens', 'int64', [1]);
  readonly #allTokens = input('allTokens', 'int64', [1]);
  readonly #signals = input('signals', 'int64', ['S']);

  /** @param hasPast - Without a past no graph reads one: WebGPU cannot multiply matrices without rows. */
  constructor({ config, weights, computeType = 'float32' }: DecoderParts, hasPast = true) {
    this.#hasPast = hasPast;
    this.#config = config;
    this.#weights = weights;
    this.#type = computeType;
  }

  /** `[T, W]`. */
  embeddings(): Value {
    const { vocabulary, width: W } = this.#config;
    const table = this.#raw('model.embed_tokens.weight', [vocabulary, W]);
    const rows = g.cast(g.gather(table, input('ids', 'int64', ['N', 'L'])), this.#type);
    return g.reshape(rows, ['T', W], [-1, W]);
  }

  /** One whole layer; `own` saves computing projections twice. */
  layer(layer: number, x: Value, own: Projections = this.projections(layer, x)): Value {
    const { heads: H, headSize: D, width: W } = this.#config;
    const name = `model.layers.${layer}`;
    const { toPast, toOwn } = this.#attention(layer, own);
    const ofOwn = g.matmul(toOwn, own.values); // [N, K, G·L, D]
    const context = toPast ? g.add(g.matmul(toPast, this.#pastValues(layer)), ofOwn) : ofOwn;
    const perHead = g.reshape(context, ['N', H, 'L', D], [0, H, -1, D]);
    const rows = g.reshape(g.transpose(perHead, [0, 2, 1, 3]), ['T', H * D], [-1, H * D]);
    const after = g.add(x, this.#linear(`${name}.self_attn.o_proj`, rows, W, this.#config.bias.output));
    const inner = this.#norm(`${name}.post_attention_layernorm.weight`, after);
    return g.add(after, this.#feedForward(`${name}.mlp`, inner));
  }

  projections(layer: number, x: Value): Projections {
    const { keyValueHeads: K, heads: H, headSize: D } = this.#config;
    const normed = this.#normedInput(layer, x);
    const queries = this.#turned(layer, 'q', normed);
    const grouped = g.transpose(queries, [0, 2, 1, 3]);
    return {
      queries: g.reshape(grouped, ['N', K, `${H / K}L`, D], [0, K, -1, D]),
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
    const rows = g.reshape(g.transpose(perHead, [0, 2, 1, 3]), ['T', K, D], [-1, K, D]);
    return g.cast(rows, 'float32');
  }

  signalLogits(layer: number, x: Value): Value {
    const { keyValueHeads: K, heads: H, headSize: D } = this.#config;
    const queries = this.#signalQueries(layer, g.gather(x, this.#signals)); // [S, H, D]
    const grouped = g.reshape(g.transpose(queries, [1, 0, 2]), [K, `${H / K}S`, D], [K, -1, D]);
    const keys = g.transpose(this.#past('documentKeys', 'M'), [1, 2, 0]); // [K, D, M]
    const logits = g.cast(g.matmul(grouped, keys), 'float32');
    const shape = input('logitShape', 'int64', [3]);
    return g.reshapeTo(logits, [H, 'S', 'M'], shape);
  }

  spanAttention(layer: number, own: Projections): Value {
    const { heads: H } = this.#config;
    const { toPast } = this.#attention(layer, own);
    if (!toPast) throw new TypeError('spanAttention: expected a past to attend to.');
    const attention = g.cast(toPast, 'float32'); // [1, K, G·L, P]
    const perHead = g.reshapeTo(attention, [H, 'L', 'P'], input('attentionShape', 'int64', [3]));
    const weights = input('spanWeights', 'float32', [1, 'L']);
    const summed = g.matmul(weights, perHead); // [H, 1, P]
    return g.reshapeTo(summed, [H, 'P'], input('massShape', 'int64', [2]));
  }

  tokenLogits(x: Value): Value {
    const { vocabulary, width: W, tiedEmbeddings } = this.#config;
    const last = this.#norm('model.norm.weight', g.gather(x, this.#signals));
    const table = tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    return g.cast(g.linear(last, this.#tensor(table, [vocabulary, W])), 'float32');
  }

  /** Softmax over past and own tokens, in its two parts, `[N, K, G·L, P]` and `[N, K, G·L, L]`. */
  #attention(layer: number, { queries, keys }: Projections): { toPast: Value | undefined; toOwn: Value } {
    const own = g.cast(g.matmul(queries, g.transpose(keys, [0, 1, 3, 2])), 'float32');
    const seen = g.add(own, input('mask', 'float32', [own.shape[2]!, 'L']));
    if (!this.#hasPast) return { toPast: undefined, toOwn: g.cast(g.softmax(seen), this.#type) };
    const pastKeys = g.transpose(this.#past(pastOf(keysOf(layer)), 'P'), [1, 2, 0]); // [K, D, P]
    const past = g.cast(g.matmul(queries, pastKeys), 'float32');
    const attention = g.cast(g.softmax(g.concat([past, seen], 3)), this.#type);
    const [start, end] = [this.#pastTokens, this.#allTokens];
    return {
      toPast: g.sliceTo(attention, { axis: 3, start: integers(0), end: start, length: 'P' }),
      toOwn: g.sliceTo(attention, { axis: 3, start, end, length: 'L' }),
    };
  }

  /** `[K, P, D]`. */
  #pastValues(layer: number): Value {
    return g.transpose(this.#past(pastOf(valuesOf(layer)), 'P'), [1, 0, 2]);
  }

  /** What earlier sequences left behind, `[length, K, D]`. */
  #past(name: string, length: string): Value {
    const { keyValueHeads: K, headSize: D } = this.#config;
    return g.cast(input(name, 'float32', [length, K, D]), this.#type);
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
    return g.reshapeTo(this.#projected(layer, 'v', normed), ['N', 'L', K, D], this.#headShape);
  }

  /** Queries, scaled, or keys at their positions, `[N, L, heads, D]`. */
  #turned(layer: number, part: 'q' | 'k', normed: Value): Value {
    const { keyValueHeads, heads, headSize: D } = this.#config;
    const count = part === 'q' ? heads : keyValueHeads;
    const rows = this.#headNorm(layer, part, this.#projected(layer, part, normed));
    const flat = g.reshapeTo(rows, ['N', 'L', count * D], input('rowShape', 'int64', [3]));
    const turned = this.#turn(flat, input('places', 'int64', ['N', 'L']), part);
    return g.reshape(turned, ['N', 'L', count, D], [0, 0, count, D]);
  }

  /** Scaled queries of signal tokens, `[S, H, D]`. */
  #signalQueries(layer: number, rows: Value): Value {
    const { heads: H, headSize: D } = this.#config;
    const queries = this.#headNorm(layer, 'q', this.#projected(layer, 'q', this.#normedInput(layer, rows)));
    const flat = g.reshape(queries, [1, 'S', H * D], [1, -1, H * D]);
    const turned = this.#turn(flat, input('signalPlaces', 'int64', [1, 'S']), 'q');
    return g.reshape(turned, ['S', H, D], [-1, H, D]);
  }

  /** Normalises each head of rows `[T, heads·D]`. */
  #headNorm(layer: number, part: 'q' | 'k', rows: Value): Value {
    if (!this.#config.queryKeyNorm) return rows;
    const D = this.#config.headSize;
    const heads = Number(rows.shape[1]) / D;
    const perHead = g.reshape(rows, ['T', heads, D], [-1, heads, D]);
    const normed = this.#norm(`model.layers.${layer}.self_attn.${part}_norm.weight`, perHead);
    return g.reshape(normed, ['T', heads * D], [-1, heads * D]);
  }

  /** Turns by position; a query's scale is in its tables, where it costs nothing. */
  #turn(flat: Value, places: Value, part: 'q' | 'k'): Value {
    const { headSize: D, rope } = this.#config;
    const scale = part === 'q' ? 1 / Math.sqrt(D) : 1;
    const table = (name: string): Value => {
      const values = input(name, 'float32', ['L', D / 2]);
      return g.cast(scale === 1 ? values : g.multiply(values, scalar(scale)), this.#type);
    };
    const heads = Number(flat.shape[2]) / D;
    const tables = { cos: table('cos'), sin: table('sin') };
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
    const scale = g.cast(this.#raw(name, [x.shape.at(-1) as number]), 'float32');
    return g.cast(g.rmsNormalisation(g.cast(x, 'float32'), scale, this.#config.epsilon), this.#type);
  }

  #tensor(name: string, shape: readonly number[]): Value {
    return g.cast(this.#raw(name, shape), this.#type);
  }

  /** A tensor as it lies in its file. */
  #raw(name: string, shape: readonly number[]): Value {
    const entry = this.#weights.get(name);
    if (!entry || entry.shape.join() !== shape.join()) {
      throw new ModelFormatError({
        path: entry?.file ?? 'the weights',
        expected: `tensor "${name}" of shape [${shape}]`,
        found: entry ? `[${entry.shape}]` : 'none',
      });
    }
    const type: DataType = entry.type;
    return fileTensor(
      name,
      { type, shape },
      { location: entry.file, offset: entry.offset, length: entry.length },
    );
  }
}
