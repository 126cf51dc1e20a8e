/**
 * An encoder as PyTorch's exporter writes it, in fp32 or dynamically quantised: what transformers.js loads. The
 * runtime recognises these operators and fuses what it can.
 *
 * Axes: `B` blocks, `L` tokens of the longest, `W` width, `H` heads, `D = W / H`.
 */
import { toOnnx } from '../../engine/graph/onnx.ts';
import * as g from '../../engine/graph/operations/index.ts';
import { constant, input, integers, scalar, type Value } from '../../engine/graph/value.ts';
import type { EncoderConfig } from '../../engine/network/encoder-config.ts';

/** A matrix or vector of the model, as Hugging Face keeps it. */
export type ReadTensor = (name: string) => Promise<{ shape: readonly number[]; values: Float32Array }>;

/** The whole graph: `input_ids`, `attention_mask`, `token_type_ids` to `last_hidden_state`. */
export async function exportedBert(
  config: EncoderConfig,
  read: ReadTensor,
  precision: 'fp32' | 'int8',
): Promise<Uint8Array> {
  const export_ = new Export(config, read, precision);
  return toOnnx({ last_hidden_state: await export_.states() });
}

class Export {
  readonly #config: EncoderConfig;
  readonly #read: ReadTensor;
  readonly #precision: 'fp32' | 'int8';

  constructor(config: EncoderConfig, read: ReadTensor, precision: 'fp32' | 'int8') {
    this.#config = config;
    this.#read = read;
    this.#precision = precision;
  }

  async states(): Promise<Value> {
    const mask = this.#mask();
    let x = await this.#embeddings();
    for (let layer = 0; layer < this.#config.layers; layer += 1) {
      const name = `encoder.layer.${layer}`;
      const attended = g.add(await this.#attention(name, x, mask), x);
      x = await this.#norm(`${name}.attention.output.LayerNorm`, attended);
      const inner = gelu(await this.#linear(`${name}.intermediate.dense`, x));
      x = await this.#norm(
        `${name}.output.LayerNorm`,
        g.add(await this.#linear(`${name}.output.dense`, inner), x),
      );
    }
    return x;
  }

  async #embeddings(): Promise<Value> {
    const ids = input('input_ids', 'int64', ['B', 'L']);
    const types = input('token_type_ids', 'int64', ['B', 'L']);
    const places = g.sliceTo(await this.#tensor('embeddings.position_embeddings.weight'), {
      axis: 0,
      start: integers(0),
      end: g.lengthOf(ids, 1),
      length: 'L',
    });
    const words = g.gather(await this.#tensor('embeddings.word_embeddings.weight'), ids);
    const kinds = g.gather(await this.#tensor('embeddings.token_type_embeddings.weight'), types);
    return this.#norm('embeddings.LayerNorm', g.add(g.add(words, kinds), places));
  }

  /** 0 for a token, a very negative number for padding, `[B, 1, 1, L]`. */
  #mask(): Value {
    const given = input('attention_mask', 'int64', ['B', 'L']);
    const wider = g.unsqueeze(g.unsqueeze(given, 1), 2);
    return g.multiply(g.subtract(scalar(1), g.cast(wider, 'float32')), scalar(-10_000));
  }

  async #attention(layer: string, x: Value, mask: Value): Promise<Value> {
    const { width: W, heads: H } = this.#config;
    const D = W / H;
    const perHead = async (part: string, order: readonly number[]): Promise<Value> => {
      const rows = await this.#linear(`${layer}.attention.self.${part}`, x);
      return g.transpose(g.reshape(rows, ['B', 'L', H, D], [0, 0, H, D]), order);
    };
    const query = await perHead('query', [0, 2, 1, 3]);
    const key = await perHead('key', [0, 2, 3, 1]);
    const value = await perHead('value', [0, 2, 1, 3]);
    const logits = g.divide(g.matmul(query, key), scalar(Math.sqrt(D)));
    const context = g.matmul(g.softmax(g.add(logits, mask)), value);
    const rows = g.reshape(g.transpose(context, [0, 2, 1, 3]), ['B', 'L', W], [0, 0, W]);
    return this.#linear(`${layer}.attention.output.dense`, rows);
  }

  async #linear(name: string, x: Value): Promise<Value> {
    const { shape, values } = await this.#read(`${name}.weight`);
    const [outputs, inputs] = shape as [number, number];
    const bias = await this.#tensor(`${name}.bias`);
    const turned = new Float32Array(values.length);
    for (let r = 0; r < outputs; r += 1) {
      for (let c = 0; c < inputs; c += 1) turned[c * outputs + r] = values[r * inputs + c]!;
    }
    if (this.#precision === 'fp32') return g.add(g.matmul(x, constant(turned, [inputs, outputs])), bias);
    return g.add(quantisedProduct(x, turned, [inputs, outputs]), bias);
  }

  async #norm(name: string, x: Value): Promise<Value> {
    const [scale, shift] = [await this.#tensor(`${name}.weight`), await this.#tensor(`${name}.bias`)];
    return g.layerNormalisation(x, scale, shift, this.#config.epsilon);
  }

  async #tensor(name: string): Promise<Value> {
    const { shape, values } = await this.#read(name);
    return constant(values, shape);
  }
}

/** `x · Φ(x)` in the operators that the runtime knows it by. */
function gelu(x: Value): Value {
  const erf = g.errorFunction(g.divide(x, scalar(Math.SQRT2)));
  return g.multiply(g.multiply(x, g.add(erf, scalar(1))), scalar(0.5));
}

/** ONNX's dynamic quantisation: one scale for all activations of the batch, one for each column of the weights. */
function quantisedProduct(x: Value, weights: Float32Array, [inputs, outputs]: [number, number]): Value {
  const scales = new Float32Array(outputs);
  const whole = new Int8Array(weights.length);
  for (let c = 0; c < outputs; c += 1) {
    for (let r = 0; r < inputs; r += 1)
      scales[c] = Math.max(scales[c]!, Math.abs(weights[r * outputs + c]!) / 127);
    for (let r = 0; r < inputs; r += 1)
      whole[r * outputs + c] = Math.round(weights[r * outputs + c]! / scales[c]!);
  }
  const { integers: rounded, scale, zero } = g.dynamicQuantise(x);
  const product = g.matmulInteger(
    rounded,
    constant(whole, [inputs, outputs]),
    zero,
    constant(new Int8Array(outputs), [outputs]),
  );
  return g.multiply(g.cast(product, 'float32'), g.multiply(scale, constant(scales, [outputs])));
}
