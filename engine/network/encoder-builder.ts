/**
 * The layers of a BERT-like encoder, one by one.
 *
 * Axes: `B` blocks of a batch, `L` tokens of the longest, `T = B·L`, `W` width, `D` values a head; `H` heads and `F` inner width,
 * which are a layer's own.
 *
 * Source: Devlin et al., BERT (arXiv:1810.04805); layout of the weights as in Hugging Face's BertModel.
 */
import * as g from '../graph/operations/index.ts';
import { type Axis, constant, scalar, times, type Value } from '../graph/value.ts';
import { scaleName } from '../weights/quantise.ts';
import { crossContext, type KeyValues, type SeenLayers } from './cross-attention.ts';
import { type EncoderConfig, layerSizes } from './encoder-config.ts';
import { type EncoderInputs, firstTokens } from './encoder-inputs.ts';
import { appliedLayers } from './loops.ts';
import type { Parameters } from './parameters.ts';
import { type Residual, ResidualSums } from './residuals.ts';

/** How matrices are multiplied: in float32, in 8-bit integers with one scale a row, or in half precision. */
export type Precision = 'fp32' | 'int8' | 'fp16';

/** Not below the size of any value of a row, `[T, 1]`; of a GELU, which is never under -.17, without a pass for the sizes. */
function largest(x: Value): Value {
  const isGelu = x.origin.kind === 'operation' && x.origin.operation.type === 'Gelu';
  return isGelu ? g.maximum(g.maxLast(x), scalar(0.17)) : g.maxLast(g.absolute(x));
}

const timesNumber = (x: Value, factor: number): Value =>
  factor === 1 ? x : g.multiply(x, g.cast(scalar(factor), x.type));

const integerZero = constant(Uint8Array.of(128), []);

/** How layers are computed. */
export interface LayerOptions {
  /** How matrices are multiplied; sums of layers, normalisation and softmax are float32 whatever this says. */
  readonly precision: Precision;
  /** What stands in the place of the plain sums of layers. @defaultValue none */
  readonly residual?: Residual | undefined;
  /** What the blocks see of a query block. @defaultValue nothing */
  readonly seen?: SeenLayers | undefined;
}

/** What a builder is made of. */
interface BuilderParts extends LayerOptions {
  readonly parameters: Parameters;
  readonly inputs: EncoderInputs;
}

/** Rows that attend to every token of their blocks. */
interface AskingRows {
  /** Their hidden states. */
  readonly rows: Value;
  /** Rows to `[B, H, rows of a block, D]`. */
  split(rows: Value): Value;
  /** Back to `[rows, H·D]`. */
  join(context: Value): Value;
}

/** The last matrix of attention, or of the feed-forward part, in one layer. */
export interface LayerPart {
  /** What it reads: of all heads, `[T, H·D]`, or inner values, `[T, F]`. */
  readonly read: Value;
  /** What it gives, before it is added to the stream, `[T, W]`. */
  readonly given: Value;
}

/** The layers of one graph. */
export class EncoderBuilder {
  /** Of the layers that were built, the lowest first. */
  readonly keyValues: KeyValues[] = [];
  /** Of the layers that were built, the lowest first: attention, then the feed-forward part. */
  readonly parts: LayerPart[] = [];
  readonly #config: EncoderConfig;
  readonly #parameters: Parameters;
  readonly #precision: Precision;
  readonly #inputs: EncoderInputs;
  readonly #sums: ResidualSums;
  readonly #seen: SeenLayers;
  readonly #quantised = new Map<Value, { integers: Value; scale: Value }>();
  readonly #halves = new Map<Value, Value>();
  readonly #headShapes = new Map<number, Value>();
  /** The axes `B` and `L` by their names in this graph. */
  readonly #axes: readonly [Axis, Axis];

  constructor(config: EncoderConfig, parts: BuilderParts) {
    this.#config = config;
    this.#parameters = parts.parameters;
    this.#precision = parts.precision;
    this.#inputs = parts.inputs;
    this.#sums = new ResidualSums(parts.residual);
    this.#seen = parts.seen ?? new Map();
    this.#axes = parts.inputs.ids.shape as readonly [Axis, Axis];
  }

  /** Hidden states below the first layer and above each, `[T, W]`. */
  layers(): Value[] {
    const all = [this.embeddings()];
    for (const layer of appliedLayers(this.#config)) all.push(this.layer(layer, all.at(-1)!));
    return all;
  }

  /** One layer by the number of its weights, `[T, W]`. */
  layer(layer: number, x: Value): Value {
    return this.#behindAttention(layer, x, this.#attention(layer, x));
  }

  /** The same layer for each block's first token alone, `[B, W]`; it reads every token's keys and values. */
  firstTokenLayer(layer: number, x: Value): Value {
    const D = this.#headSize;
    const { heads: H } = layerSizes(this.#config, layer);
    const first = firstTokens(x, this.#inputs, this.#config);
    const [B] = this.#axes;
    const attention = this.#attention(layer, x, {
      rows: first,
      split: (rows) => g.reshape(rows, [B, H, 1, D], [-1, H, 1, D]),
      join: (context) => g.reshape(context, [B, H * D], [-1, H * D]),
    });
    return this.#behindAttention(layer, first, attention);
  }

  /** The rest of a layer, for the rows that attended. */
  #behindAttention(layer: number, rows: Value, attention: Value): Value {
    const name = `encoder.layer.${layer}`;
    const { innerWidth } = layerSizes(this.#config, layer);
    const after = this.#norm(`${name}.attention.output`, this.#sums.next(attention, rows));
    const inner = g.gelu(this.#linear(`${name}.intermediate.dense`, after, innerWidth));
    return this.#norm(`${name}.output`, this.#sums.next(this.#part(`${name}.output.dense`, inner), after));
  }

  /** What the first layer reads, `[T, W]`. */
  embeddings(): Value {
    const { width: W, vocabulary, positions, tokenTypes } = this.#config;
    const words = this.#tensor('embeddings.word_embeddings.weight', [vocabulary, W]);
    const places = this.#tensor('embeddings.position_embeddings.weight', [positions, W]);
    const types = this.#tensor('embeddings.token_type_embeddings.weight', [tokenTypes, W]);
    const spot = g.add(
      g.gather(places, this.#inputs.positions),
      g.slice(types, { axis: 0, start: 0, end: 1 }),
    );
    const sum = g.add(g.gather(words, this.#inputs.ids), spot);
    return this.#norm('embeddings', g.reshape(sum, [this.#tokens, W], [-1, W]));
  }

  /**
   * Every token attends to every token of its own block, and in a gated layer to the query block.
   *
   * @param asking - The rows that attend. @defaultValue all of `x`
   */
  #attention(layer: number, x: Value, asking?: AskingRows): Value {
    const D = this.#headSize;
    const { heads: H } = layerSizes(this.#config, layer);
    const name = `encoder.layer.${layer}.attention`;
    const linear = (part: string, rows: Value, scale = 1): Value =>
      this.#linear(`${name}.self.${part}`, rows, H * D, scale);
    const { rows, split, join } = asking ?? this.#allRows(x, H);
    const query = split(linear('query', rows, 1 / Math.sqrt(D))); // [B, H, L or 1, D]
    const key = g.transpose(this.#split(linear('key', x), H), [0, 2, 3, 1]); // [B, H, D, L]
    const value = this.#perHead(linear('value', x), H); // [B, H, L, D]
    this.keyValues.push({ keys: key, values: value });
    const logits = g.cast(g.matmul(query, key), 'float32');
    const attention = g.cast(g.softmax(g.add(logits, this.#inputs.mask)), value.type);
    const own = g.matmul(attention, value);
    const seen = this.#seen.get(layer);
    const context = seen ? g.add(own, crossContext(query, seen)) : own;
    return this.#part(`${name}.output.dense`, join(context));
  }

  /** The last matrix of a part. */
  #part(name: string, read: Value): Value {
    const given = this.#linear(name, read, this.#config.width);
    this.parts.push({ read, given });
    return given;
  }

  #allRows(x: Value, H: number): AskingRows {
    const joined = H * this.#headSize;
    return {
      rows: x,
      split: (rows) => this.#perHead(rows, H),
      join: (context) => g.reshape(g.transpose(context, [0, 2, 1, 3]), [this.#tokens, joined], [-1, joined]),
    };
  }

  /** `[T, H·D]` to `[B, H, L, D]`. */
  #perHead(rows: Value, H: number): Value {
    return g.transpose(this.#split(rows, H), [0, 2, 1, 3]);
  }

  /** `[T, H·D]` to `[B, L, H, D]`. */
  #split(rows: Value, H: number): Value {
    return g.reshapeTo(rows, [...this.#axes, H, this.#headSize], this.#headShape(H));
  }

  /** `B, L, H, D` of layers with so many heads. */
  #headShape(H: number): Value {
    const { headShape } = this.#inputs;
    if (H === this.#config.heads) return headShape;
    const known = this.#headShapes.get(H);
    if (known) return known;
    const heads = constant(BigInt64Array.of(BigInt(H), BigInt(this.#headSize)), [2]);
    const made = g.concat([g.slice(headShape, { axis: 0, start: 0, end: 2 }), heads], 0, 4);
    this.#headShapes.set(H, made);
    return made;
  }

  get #headSize(): number {
    return this.#config.width / this.#config.heads;
  }

  /** `(x · Wᵀ + b) * factor`. */
  #linear(name: string, x: Value, outputs: number, factor = 1): Value {
    if (this.#precision === 'int8') return this.#integerLinear(name, x, outputs, factor);
    const type = this.#precision === 'fp16' ? 'float16' : 'float32';
    const matrix = g.cast(this.#parameters(`${name}.weight`, [outputs, x.shape[1] as number]), type);
    const bias = g.cast(this.#tensor(`${name}.bias`, [outputs]), type);
    return timesNumber(g.linear(this.#rounded(x, type), matrix, bias), factor);
  }

  #integerLinear(name: string, x: Value, outputs: number, factor: number): Value {
    const weights = `${name}.weight`;
    const { integers, scale } = this.#integers(x);
    const matrix = this.#parameters(weights, [x.shape[1] as number, outputs]);
    // The runtime works these out when it loads the graph.
    const columns = timesNumber(this.#tensor(scaleName(weights), [outputs]), factor);
    const bias = timesNumber(this.#tensor(`${name}.bias`, [outputs]), factor);
    // The runtime's operator has one scale for all rows, and no row may depend on its neighbours: 1, and each row's after it.
    const product = g.matmulIntegerToFloat(integers, matrix, columns, integerZero);
    return g.add(g.multiply(product, scale), bias);
  }

  /** A value in the type of products, cast once however many layers read it. */
  #rounded(x: Value, type: 'float32' | 'float16'): Value {
    if (x.type === type) return x;
    const known = this.#halves.get(x) ?? g.cast(x, type);
    this.#halves.set(x, known);
    return known;
  }

  /** Rows as unsigned integers around 128, each with a scale of its own: no row depends on its neighbours. */
  #integers(x: Value): { integers: Value; scale: Value } {
    const known = this.#quantised.get(x);
    if (known) return known;
    const scale = g.maximum(g.divide(largest(x), scalar(127)), scalar(1e-12));
    const rows = g.reshape(scale, [x.shape[0]!], [-1]);
    const zeros = g.expand(integerZero, rows.shape, g.shapeOf(rows));
    const made = { integers: g.quantiseRows(x, rows, zeros), scale };
    this.#quantised.set(x, made);
    return made;
  }

  #norm(name: string, x: Value): Value {
    const W = this.#config.width;
    const scale = this.#tensor(`${name}.LayerNorm.weight`, [W]);
    return g.layerNormalisation(x, scale, this.#tensor(`${name}.LayerNorm.bias`, [W]), this.#config.epsilon);
  }

  /** A parameter as float32. */
  #tensor(name: string, shape: readonly number[]): Value {
    return g.cast(this.#parameters(name, shape), 'float32');
  }

  /** The axis `T`. */
  get #tokens(): Axis {
    return times(...this.#axes);
  }
}
