/**
 * What a BERT-like encoder computes, as a graph.
 *
 * Axes: `B` blocks of a batch, `L` tokens of the longest, `T = B·L`, `W` width, `H` heads, `D = W / H`, `F` inner width.
 *
 * Source: Devlin et al., BERT (arXiv:1810.04805); layout of the weights as in Hugging Face's BertModel.
 */
import * as z from 'zod';
import { ModelFormatError } from '../errors.ts';
import { toOnnx } from '../graph/onnx.ts';
import * as g from '../graph/operations/index.ts';
import type { TensorValue } from '../graph/tensor.ts';
import { constant, fileTensor, input, scalar, type Value } from '../graph/value.ts';
import { scaleName } from '../weights/quantise.ts';
import type { TensorTable } from '../weights/safetensors.ts';

/** An encoder's shape. */
export interface EncoderConfig {
  /** Values a vector, `W`. */
  readonly width: number;
  /** Layers. */
  readonly layers: number;
  /** Attention heads, `H`. */
  readonly heads: number;
  /** Inner width of the feed-forward part, `F`. */
  readonly innerWidth: number;
  /** Longest block, in tokens. */
  readonly positions: number;
  /** Tokens of the vocabulary. */
  readonly vocabulary: number;
  /** Added to the variance when normalising. */
  readonly epsilon: number;
}

const configSchema = z.object({
  model_type: z.literal('bert'),
  hidden_size: z.int().min(1),
  num_hidden_layers: z.int().min(1),
  num_attention_heads: z.int().min(1),
  intermediate_size: z.int().min(1),
  max_position_embeddings: z.int().min(1),
  vocab_size: z.int().min(1),
  layer_norm_eps: z.number().positive(),
  hidden_act: z.literal('gelu'),
  position_embedding_type: z.literal('absolute').default('absolute'),
});

/**
 * Reads a `config.json`.
 *
 * @throws ModelFormatError naming every value that this network cannot be.
 */
export function parseEncoderConfig(json: unknown, path: string): EncoderConfig {
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
    throw new ModelFormatError({ path, expected: 'a BertModel configuration', found: problems.join('; ') });
  }
  const config = parsed.data;
  if (config.hidden_size % config.num_attention_heads !== 0) {
    const found = `hidden_size ${config.hidden_size} and num_attention_heads ${config.num_attention_heads}`;
    throw new ModelFormatError({ path, expected: 'a width that the heads divide', found });
  }
  return {
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    innerWidth: config.intermediate_size,
    positions: config.max_position_embeddings,
    vocabulary: config.vocab_size,
    epsilon: config.layer_norm_eps,
  };
}

/** How matrices are multiplied. */
export type Precision = 'fp32' | 'int8';

/** Weights of an encoder and where they lie. */
export interface EncoderWeights {
  /** File name, relative to the folder that the session is given. */
  readonly file: string;
  /** What is in it. */
  readonly table: TensorTable;
}

/** What one encoder graph gives. */
export interface EncoderGraphOptions {
  /** Multiply in float32, or in 8-bit integers with one scale a row. */
  readonly precision: Precision;
  /** L2-normalise each token's vector. @defaultValue true */
  readonly normalise?: boolean;
}

/**
 * The ONNX model of an encoder.
 *
 * Inputs: see {@link toEncoderFeeds}. Output: `states` float32 `[T, W]`.
 *
 * @throws ModelFormatError when a tensor is missing or has another shape.
 */
export function encoderGraph(
  config: EncoderConfig,
  weights: EncoderWeights,
  { precision, normalise = true }: EncoderGraphOptions,
): Uint8Array {
  const builder = new EncoderBuilder(config, weights, precision);
  const states = builder.states();
  return toOnnx({ states: normalise ? l2Normalise(states) : states });
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

/** Large enough that a masked logit adds exactly 0 to a softmax, and far from the end of float32. */
const masked = -1e30;

/** Blocks of token ids, of any lengths, as one padded batch. */
export function toEncoderFeeds(
  blocks: readonly Int32Array[],
  config: EncoderConfig,
  padId: number,
): EncoderFeeds {
  const B = blocks.length;
  const L = Math.max(...blocks.map(({ length }) => length));
  const ids = new BigInt64Array(B * L).fill(BigInt(padId));
  const mask = new Float32Array(B * L).fill(masked);
  blocks.forEach((block, b) => {
    mask.fill(0, b * L, b * L + block.length);
    block.forEach((id, j) => {
      ids[b * L + j] = BigInt(id);
    });
  });
  const head = [B, L, config.heads, config.width / config.heads];
  return {
    ids: { type: 'int64', shape: [B, L], data: ids },
    positions: { type: 'int64', shape: [L], data: BigInt64Array.from({ length: L }, (_, j) => BigInt(j)) },
    mask: { type: 'float32', shape: [B, 1, 1, L], data: mask },
    headShape: { type: 'int64', shape: [4], data: BigInt64Array.from(head, BigInt) },
  };
}

/** Rows of length 1; a zero row stays zero. */
function l2Normalise(rows: Value): Value {
  const length = g.squareRoot(g.sumLast(g.multiply(rows, rows)));
  return g.divide(rows, g.maximum(length, scalar(1e-12)));
}

const integerZero = constant(Uint8Array.of(128), []);

class EncoderBuilder {
  readonly #config: EncoderConfig;
  readonly #weights: EncoderWeights;
  readonly #precision: Precision;
  readonly #mask = input('mask', 'float32', ['B', 1, 1, 'L']);
  readonly #quantised = new Map<Value, { integers: Value; scale: Value }>();
  readonly #headShape = input('headShape', 'int64', [4]);

  constructor(config: EncoderConfig, weights: EncoderWeights, precision: Precision) {
    this.#config = config;
    this.#weights = weights;
    this.#precision = precision;
  }

  /** Last hidden states, `[T, W]`. */
  states(): Value {
    let x = this.#embeddings();
    for (let layer = 0; layer < this.#config.layers; layer += 1) {
      const name = `encoder.layer.${layer}`;
      x = this.#norm(`${name}.attention.output`, g.add(this.#attention(name, x), x));
      const inner = g.gelu(this.#linear(`${name}.intermediate.dense`, x, this.#config.innerWidth));
      x = this.#norm(
        `${name}.output`,
        g.add(this.#linear(`${name}.output.dense`, inner, this.#config.width), x),
      );
    }
    return x;
  }

  #embeddings(): Value {
    const { width: W, vocabulary, positions } = this.#config;
    const words = this.#tensor('embeddings.word_embeddings.weight', [vocabulary, W]);
    const places = this.#tensor('embeddings.position_embeddings.weight', [positions, W]);
    const types = this.#tensor('embeddings.token_type_embeddings.weight', undefined);
    const ids = input('ids', 'int64', ['B', 'L']);
    const spot = g.add(
      g.gather(places, input('positions', 'int64', ['L'])),
      g.slice(types, { axis: 0, start: 0, end: 1 }),
    );
    const sum = g.add(g.gather(words, ids), spot);
    return this.#norm('embeddings', g.reshape(sum, ['T', W], [-1, W]));
  }

  /** Every token attends to every token of its own block. */
  #attention(layer: string, x: Value): Value {
    const { width: W, heads: H } = this.#config;
    const D = W / H;
    const perHead = (part: string, order: readonly number[], scale = 1): Value => {
      const rows = this.#linear(`${layer}.attention.self.${part}`, x, W);
      const scaled = scale === 1 ? rows : g.multiply(rows, scalar(scale));
      return g.transpose(this.#split(scaled), order);
    };
    const query = perHead('query', [0, 2, 1, 3], 1 / Math.sqrt(D)); // [B, H, L, D]
    const key = perHead('key', [0, 2, 3, 1]); // [B, H, D, L]
    const value = perHead('value', [0, 2, 1, 3]); // [B, H, L, D]
    const attention = g.softmax(g.add(g.matmul(query, key), this.#mask));
    const context = g.transpose(g.matmul(attention, value), [0, 2, 1, 3]);
    return this.#linear(`${layer}.attention.output.dense`, g.reshape(context, ['T', W], [-1, W]), W);
  }

  /** `[T, W]` to `[B, L, H, D]`. */
  #split(rows: Value): Value {
    const { width: W, heads: H } = this.#config;
    return g.reshapeTo(rows, ['B', 'L', H, W / H], this.#headShape);
  }

  #linear(name: string, x: Value, outputs: number): Value {
    const inputs = x.shape[1] as number;
    const bias = this.#tensor(`${name}.bias`, [outputs]);
    const weights = `${name}.weight`;
    if (this.#precision === 'fp32') return g.linear(x, this.#tensor(weights, [outputs, inputs]), bias);
    const { integers, scale } = this.#integers(x);
    const product = g.matmulInteger(
      integers,
      this.#raw(weights, [inputs, outputs]),
      integerZero,
      integerZero,
    );
    // One scale after the other: their product first would be fused into an operator that reads one scale for all rows.
    const rows = g.multiply(g.cast(product, 'float32'), scale);
    return g.add(g.multiply(rows, this.#tensor(scaleName(weights), [outputs])), bias);
  }

  /** Rows as unsigned integers around 128, each with a scale of its own: no row depends on its neighbours. */
  #integers(x: Value): { integers: Value; scale: Value } {
    const known = this.#quantised.get(x);
    if (known) return known;
    const scale = g.maximum(g.divide(g.maxLast(g.absolute(x)), scalar(127)), scalar(1e-12));
    const steps = g.add(g.round(g.divide(x, scale)), scalar(128));
    const made = { integers: g.cast(steps, 'uint8'), scale };
    this.#quantised.set(x, made);
    return made;
  }

  #norm(name: string, x: Value): Value {
    const W = this.#config.width;
    const scale = this.#tensor(`${name}.LayerNorm.weight`, [W]);
    return g.layerNormalisation(x, scale, this.#tensor(`${name}.LayerNorm.bias`, [W]), this.#config.epsilon);
  }

  /** A tensor of the file as float32; `undefined` takes any shape. */
  #tensor(name: string, shape: readonly number[] | undefined): Value {
    return g.cast(this.#raw(name, shape), 'float32');
  }

  #raw(name: string, shape: readonly number[] | undefined): Value {
    const { file, table } = this.#weights;
    const entry = table.get(name);
    if (!entry || (shape && entry.shape.join() !== shape.join())) {
      const found = entry ? `[${entry.shape}]` : 'none';
      throw new ModelFormatError({
        path: file,
        expected: `tensor "${name}" of shape [${shape ?? 'any'}]`,
        found,
      });
    }
    const slice = { location: file, offset: entry.offset, length: entry.length };
    return fileTensor(name, entry, slice);
  }
}
