/**
 * The layers of a BERT-like encoder, one by one.
 *
 * Axes: `B` blocks of a batch, `L` tokens of the longest, `T = B·L`, `W` width, `H` heads, `D = W / H`, `F` inner width.
 *
 * Source: Devlin et al., BERT (arXiv:1810.04805); layout of the weights as in Hugging Face's BertModel.
 */
import * as g from '../graph/operations/index.ts';
import { type Axis, constant, scalar, times, type Value } from '../graph/value.ts';
import { scaleName } from '../weights/quantise.ts';
import { crossContext, type KeyValues, type SeenLayers } from './cross-attention.ts';
import type { EncoderConfig } from './encoder-config.ts';
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
  /** Back to `[rows, W]`. */
  join(context: Value): Value;
}

/** The layers of one graph. */
export class EncoderBuilder {
  /** Of the layers that were built, the lowest first. */
  readonly keyValues: KeyValues[] = [];
  readonly #config: EncoderConfig;
  readonly #parameters: Parameters;
  readonly #precision: Precision;
  readonly #inputs: EncoderInputs;
  readonly #sums: ResidualSums;
  readonly #seen: SeenLayers;
  readonly #quantised = new Map<Value, { integers: Value; scale: Value }>();
  readonly #halves = new Map<Value, Value>();
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
    const { width: W, heads: H } = this.#config;
    const first = firstTokens(x, this.#inputs, this.#config);
    const [B] = this.#axes;
    const attention = this.#attention(layer, x, {
      rows: first,
      split: (rows) => g.reshape(rows, [B, H, 1, W / H], [-1, H, 1, W / H]),
      join: (context) => g.reshape(context, [B, W], [-1, W]),
    });
    return this.#behindAttention(layer, first, attention);
  }

  /** The rest of a layer, for the rows that attended. */
  #behindAttention(layer: number, rows: Value, attention: Value): Value {
    const name = `encoder.layer.${layer}`;
    const { innerWidth, width } = this.#config;
    const after = this.#norm(`${name}.attention.output`, this.#sums.next(attention, rows));
    const inner = g.gelu(this.#linear(`${name}.intermediate.dense`, after, innerWidth));
    const output = this.#linear(`${name}.output.dense`, inner, width);
    return this.#norm(`${name}.output`, this.#sums.next(output, after));
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
  #attention(layer: number, x: Value, asking: AskingRows = this.#allRows(x)): Value {
    const { width: W, heads: H } = this.#config;
    const D = W / H;
    const name = `encoder.layer.${layer}.attention`;
    const linear = (part: string, rows: Value, scale = 1): Value =>
      this.#linear(`${name}.self.${part}`, rows, W, scale);
    const query = asking.split(linear('query', asking.rows, 1 / Math.sqrt(D))); // [B, H, L or 1, D]
    const key = g.transpose(this.#split(linear('key', x)), [0, 2, 3, 1]); // [B, H, D, L]
    const value = this.#perHead(linear('value', x)); // [B, H, L, D]
    this.keyValues.push({ keys: key, values: value });
    const logits = g.cast(g.matmul(query, key), 'float32');
    const attention = g.cast(g.softmax(g.add(logits, this.#inputs.mask)), value.type);
    const own = g.matmul(attention, value);
    const seen = this.#seen.get(layer);
    const context = seen ? g.add(own, crossContext(query, seen)) : own;
    return this.#linear(`${name}.output.dense`, asking.join(context), W);
  }

  #allRows(x: Value): AskingRows {
    const W = this.#config.width;
    return {
      rows: x,
      split: (rows) => this.#perHead(rows),
      join: (context) => g.reshape(g.transpose(context, [0, 2, 1, 3]), [this.#tokens, W], [-1, W]),
    };
  }

  /** `[T, W]` to `[B, H, L, D]`. */
  #perHead(rows: Value): Value {
    return g.transpose(this.#split(rows), [0, 2, 1, 3]);
  }

  /** `[T, W]` to `[B, L, H, D]`. */
  #split(rows: Value): Value {
    const { width: W, heads: H } = this.#config;
    return g.reshapeTo(rows, [...this.#axes, H, W / H], this.#inputs.headShape);
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
