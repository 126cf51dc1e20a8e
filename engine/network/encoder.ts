/**
 * What a BERT-like encoder computes, as a graph.
 *
 * Axes: `B` blocks of a batch, `L` tokens of the longest, `T = B·L`, `W` width, `H` heads, `D = W / H`, `F` inner width.
 *
 * Source: Devlin et al., BERT (arXiv:1810.04805); layout of the weights as in Hugging Face's BertModel.
 */
import { maskedLogit } from '../graph/masked-logit.ts';
import * as g from '../graph/operations/index.ts';
import type { TensorValue } from '../graph/tensor.ts';
import { type Axis, constant, input, scalar, times, type Value } from '../graph/value.ts';
import { scaleName } from '../weights/quantise.ts';
import { crossContext, type KeyValues, type SeenLayers } from './cross-attention.ts';
import type { EncoderConfig } from './encoder-config.ts';
import { appliedLayers } from './loops.ts';
import type { Parameters } from './parameters.ts';
import { type Residual, ResidualSums } from './residuals.ts';

/** How matrices are multiplied: in float32, in 8-bit integers with one scale a row, or in half precision. */
export type Precision = 'fp32' | 'int8' | 'fp16';

/** What tells an encoder's graph about its blocks. */
export interface EncoderInputs {
  /** Token ids, padded to the longest block, int64 `[B, L]`. */
  readonly ids: Value;
  /** 0 to L-1, int64 `[L]`. */
  readonly positions: Value;
  /** Added to attention logits: 0 for a token, a very negative number for padding, float32 `[B, 1, 1, L]`. */
  readonly mask: Value;
  /** `B, L, H, D`, int64 `[4]`. */
  readonly headShape: Value;
}

/**
 * The inputs of a graph that is fed by {@link toEncoderFeeds}.
 *
 * @param prefix - Stands before the names of inputs and axes, so that one graph can hold several batches.
 * @defaultValue nothing
 */
export function encoderInputs(prefix: string = ''): EncoderInputs {
  const [B, L] = [`${prefix}B`, `${prefix}L`];
  return {
    ids: input(`${prefix}ids`, 'int64', [B, L]),
    positions: input(`${prefix}positions`, 'int64', [L]),
    mask: input(`${prefix}mask`, 'float32', [B, 1, 1, L]),
    headShape: input(`${prefix}headShape`, 'int64', [4]),
  };
}

/** What one encoder graph gives. */
export interface EncoderGraphOptions {
  /** How matrices are multiplied; sums of layers, normalisation and softmax are float32 whatever this says. */
  readonly precision: Precision;
  /** L2-normalise each token's vector. @defaultValue true */
  readonly normalise?: boolean;
  /** The blocks. @defaultValue {@link encoderInputs} */
  readonly inputs?: EncoderInputs;
  /** What stands in the place of the plain sums of layers. @defaultValue none */
  readonly residual?: Residual | undefined;
  /** What the blocks see of a query block. @defaultValue nothing */
  readonly seen?: SeenLayers | undefined;
}

/** What an encoder gives. */
export type EncoderOutputs = {
  /** Last hidden states, float32 `[T, W]`. */
  readonly states: Value;
  /** Those of each block's first token, float32 `[B, W]`. */
  readonly anchors: Value;
};

/**
 * The vectors of every token.
 *
 * @param parameters - Weights. With `int8`, a linear layer's matrix is int8 `[in, out]`, and the parameter `scaleName(matrix)`
 *   holds one scale an output.
 */
export function encoderGraph(
  config: EncoderConfig,
  parameters: Parameters,
  { normalise = true, inputs = encoderInputs(), ...options }: EncoderGraphOptions,
): EncoderOutputs {
  const states = encoderLayers(config, parameters, { ...options, inputs }).at(-1)!;
  const anchors = firstTokens(states, inputs, config);
  return normalise ? { states: l2Normalise(states), anchors: l2Normalise(anchors) } : { states, anchors };
}

/**
 * Hidden states below the first layer and above each, float32 `[T, W]`: one more than there are applied layers, of which a
 * looped block gives several. None is normalised.
 *
 * @param parameters - As of {@link encoderGraph}.
 */
export function encoderLayers(
  config: EncoderConfig,
  parameters: Parameters,
  options: Omit<EncoderGraphOptions, 'normalise'>,
): readonly Value[] {
  return encoderWithKeyValues(config, parameters, options).layers;
}

/**
 * As {@link encoderLayers}, with the keys `[B, H, D, L]` and values `[B, H, L, D]` of every applied layer, in their order: what
 * documents see of a query block.
 *
 * @param parameters - As of {@link encoderGraph}.
 */
export function encoderWithKeyValues(
  config: EncoderConfig,
  parameters: Parameters,
  { precision, inputs = encoderInputs(), seen, residual }: Omit<EncoderGraphOptions, 'normalise'>,
): { readonly layers: readonly Value[]; readonly keyValues: readonly KeyValues[] } {
  const builder = new EncoderBuilder(config, { parameters, precision, inputs, seen, residual });
  return { layers: builder.layers(), keyValues: builder.keyValues };
}

/** Each block's first token, `[T, W]` to `[B, W]`. */
export function firstTokens(states: Value, { ids, headShape }: EncoderInputs, config: EncoderConfig): Value {
  const [B, L] = ids.shape as readonly [Axis, Axis];
  const { width: W, heads: H } = config;
  const blocks = g.reshapeTo(states, [B, L, H, W / H], headShape);
  return g.reshape(g.slice(blocks, { axis: 1, start: 0, end: 1 }), [B, W], [-1, W]);
}

/** What an encoder graph is fed. */
export interface EncoderFeeds {
  /** Token ids, padded to the longest block, shape `[B, L]`. */
  readonly ids: TensorValue;
  /** 0 to L-1. */
  readonly positions: TensorValue;
  /** Added to attention logits: 0 for a token, a very negative number for padding, shape `[B, 1, 1, L]`. */
  readonly mask: TensorValue;
  /** `[B, L, H, D]`. */
  readonly headShape: TensorValue;
}

/** Which 32 bits of a small int64 hold it: the first where numbers are kept lowest byte first. */
const lowerWord = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;

/**
 * Blocks of token ids, of any lengths, as one padded batch.
 *
 * @param tokens - Length that all are padded to at least. @defaultValue the longest one's
 */
export function toEncoderFeeds(
  blocks: readonly Int32Array[],
  config: EncoderConfig,
  padId: number,
  tokens = 0,
): EncoderFeeds {
  const B = blocks.length;
  const L = Math.max(tokens, ...blocks.map(({ length }) => length));
  const ids = new BigInt64Array(B * L).fill(BigInt(padId));
  const mask = new Float32Array(B * L).fill(maskedLogit);
  // A plain loop over the lower half of each number: a device waits for it, and making each a bigint takes ten times as long.
  const words = new Int32Array(ids.buffer);
  blocks.forEach((block, b) => {
    mask.fill(0, b * L, b * L + block.length);
    for (let j = 0; j < block.length; j += 1) words[2 * (b * L + j) + lowerWord] = block[j]!;
  });
  const head = [B, L, config.heads, config.width / config.heads];
  return {
    ids: { type: 'int64', shape: [B, L], data: ids },
    positions: { type: 'int64', shape: [L], data: BigInt64Array.from({ length: L }, (_, j) => BigInt(j)) },
    mask: { type: 'float32', shape: [B, 1, 1, L], data: mask },
    headShape: { type: 'int64', shape: [4], data: BigInt64Array.from(head, BigInt) },
  };
}

/** Tokens of a batch without its padding. @param feeds - With those of {@link toEncoderFeeds}. */
export function encoderTokens({ mask }: Readonly<Record<string, TensorValue>>): number {
  return (mask!.data as Float32Array).reduce((count, added) => count + (added === 0 ? 1 : 0), 0);
}

/** Rows of length 1, float32 `[rows, W]`; a zero row stays zero. */
export function l2Normalise(rows: Value): Value {
  const length = g.squareRoot(g.sumLast(g.multiply(rows, rows)));
  return g.divide(rows, g.maximum(length, scalar(1e-12)));
}

/** Not below the size of any value of a row, `[T, 1]`; of a GELU, which is never under -.17, without a pass for the sizes. */
function largest(x: Value): Value {
  const isGelu = x.origin.kind === 'operation' && x.origin.operation.type === 'Gelu';
  return isGelu ? g.maximum(g.maxLast(x), scalar(0.17)) : g.maxLast(g.absolute(x));
}

const timesNumber = (x: Value, factor: number): Value =>
  factor === 1 ? x : g.multiply(x, g.cast(scalar(factor), x.type));

const integerZero = constant(Uint8Array.of(128), []);

/** What a builder is made of. */
interface BuilderParts extends Omit<EncoderGraphOptions, 'normalise'> {
  readonly parameters: Parameters;
  readonly inputs: EncoderInputs;
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
    const name = `encoder.layer.${layer}`;
    const { innerWidth, width } = this.#config;
    const after = this.#norm(`${name}.attention.output`, this.#sums.next(this.#attention(layer, x), x));
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

  /** Every token attends to every token of its own block, and in a gated layer to the query block. */
  #attention(layer: number, x: Value): Value {
    const { width: W, heads: H } = this.#config;
    const D = W / H;
    const name = `encoder.layer.${layer}.attention`;
    const perHead = (part: string, order: readonly number[], scale = 1): Value => {
      return g.transpose(this.#split(this.#linear(`${name}.self.${part}`, x, W, scale)), order);
    };
    const query = perHead('query', [0, 2, 1, 3], 1 / Math.sqrt(D)); // [B, H, L, D]
    const key = perHead('key', [0, 2, 3, 1]); // [B, H, D, L]
    const value = perHead('value', [0, 2, 1, 3]); // [B, H, L, D]
    this.keyValues.push({ keys: key, values: value });
    const logits = g.cast(g.matmul(query, key), 'float32');
    const attention = g.cast(g.softmax(g.add(logits, this.#inputs.mask)), value.type);
    const own = g.matmul(attention, value);
    const seen = this.#seen.get(layer);
    const context = g.transpose(seen ? g.add(own, crossContext(query, seen)) : own, [0, 2, 1, 3]);
    return this.#linear(`${name}.output.dense`, g.reshape(context, [this.#tokens, W], [-1, W]), W);
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
    const rows = g.reshape(scale, [this.#tokens], [-1]);
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
