/**
 * A decoder in plain TypeScript, as slow as it is obvious: one row of all tokens, float64, attention over every pair
 * under an explicit mask. It shares nothing with the graphs but the configuration and the rotary frequencies.
 */
import { join } from 'node:path';
import type { DecoderConfig } from '../../../engine/network/decoder-config.ts';
import { inverseFrequencies } from '../../../engine/network/rope.ts';
import { readTensorBytes, readTensorTable, toFloat32 } from '../../../engine/weights/safetensors.ts';

interface NaiveRequest {
  readonly config: DecoderConfig;
  readonly path: string;
  /** Token ids of the blocks: instruction, documents, query. */
  readonly blocks: readonly Int32Array[];
  readonly queryPosition: number;
  readonly layer: number;
  /** Indices of the signal tokens in the query block. */
  readonly signals: readonly number[];
}

type Rows = number[][];

/** Numbers of a model's tensors by name. */
export type NaiveWeights = ReadonlyMap<string, ArrayLike<number>>;

/** The weights of a model's file. */
export async function naiveWeights(path: string): Promise<ReadonlyMap<string, Float32Array>> {
  const file = join(path, 'model.safetensors');
  const weights = new Map<string, Float32Array>();
  for (const [name, entry] of await readTensorTable(file)) {
    weights.set(name, toFloat32(await readTensorBytes(file, entry), entry.type));
  }
  return weights;
}

/** Logits of the signal tokens over document tokens, flat, `[heads, signals, document tokens]`. */
export async function naiveSignalLogits(request: NaiveRequest): Promise<number[]> {
  const list = new NaiveList({ ...request, weights: await naiveWeights(request.path) });
  return list.signalLogits(list.rowsAt(request.layer), request.layer, request.signals).flat(2);
}

/** What the losses of training are computed from. */
export interface NaiveTraining extends Omit<NaiveRequest, 'path'> {
  readonly weights: NaiveWeights;
  /** The completion: its first place in the query block, and its tokens. */
  readonly completion: { readonly start: number; readonly ids: readonly number[] };
  /** Relevant documents. */
  readonly answers: readonly number[];
  readonly tau: number;
}

/** BlockRank's losses by their definitions. */
export function naiveLosses(request: NaiveTraining): { readonly ntp: number; readonly auxiliary: number } {
  const { config, blocks, layer, signals, completion, answers, tau } = request;
  const list = new NaiveList(request);
  const atLayer = list.rowsAt(layer);
  const counts = blocks.slice(1, -1).map(({ length }) => length);
  const masses = counts.map(() => 0);
  const rows = list.signalLogits(atLayer, layer, signals).flat();
  for (const row of rows) {
    const total = logSumExp(row);
    let at = 0;
    counts.forEach((count, d) => {
      masses[d]! += Math.exp(logSumExp(row.slice(at, at + count)) - total) / rows.length;
      at += count;
    });
  }
  const logits = masses.map((mass) => mass / tau);
  const auxiliary = logSumExp(logits) - logSumExp(answers.map((d) => logits[d]!));
  const last = list.rowsAt(config.layers, atLayer, layer);
  const head = list.tensor(config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight');
  const start = last.length - blocks.at(-1)!.length + completion.start - 1;
  const losses = completion.ids.map((id, c) => {
    const normed = rms(last[start + c]!, list.tensor('model.norm.weight'), config.epsilon);
    const next = times(head, normed);
    return logSumExp(next) - next[id]!;
  });
  return { auxiliary, ntp: losses.reduce((sum, loss) => sum + loss, 0) / losses.length };
}

function logSumExp(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

/** One list under its mask. */
class NaiveList {
  readonly #request: Omit<NaiveRequest, 'path'>;
  readonly #weights: NaiveWeights;
  readonly #ids: readonly number[];
  readonly #blockOf: readonly number[];
  readonly #positions: readonly number[];

  constructor(request: Omit<NaiveRequest, 'path'> & { readonly weights: NaiveWeights }) {
    const { blocks, queryPosition, weights } = request;
    this.#request = request;
    this.#weights = weights;
    this.#ids = blocks.flatMap((block) => [...block]);
    this.#blockOf = blocks.flatMap((block, b) => [...block].map(() => b));
    this.#positions = positionsOf(blocks, queryPosition);
  }

  tensor(name: string): ArrayLike<number> {
    return this.#weights.get(name)!;
  }

  /** What goes into a layer, from the embeddings or from what goes into an earlier one. */
  rowsAt(layer: number, from?: Rows, first: number = 0): Rows {
    const { config, blocks } = this.#request;
    const blockOf = this.#blockOf;
    const last = blocks.length - 1;
    const sees = (i: number, j: number): boolean => {
      if (blockOf[i] === blockOf[j]) return j <= i;
      return blockOf[j] === 0 ? blockOf[i]! > 0 : blockOf[i] === last && blockOf[j]! < last;
    };
    const embeddings = this.tensor('model.embed_tokens.weight');
    const W = config.width;
    let x = from ?? this.#ids.map((id) => Array.from({ length: W }, (_, i) => embeddings[id * W + i]!));
    for (let l = first; l < layer; l += 1) x = naiveLayer(x, { ...this.#parts(l), sees });
    return x;
  }

  /** `[heads][signals][document tokens]`. */
  signalLogits(x: Rows, layer: number, signals: readonly number[]): number[][][] {
    const { config, blocks } = this.#request;
    const { queries, keys } = project(x, this.#parts(layer));
    const last = blocks.length - 1;
    const start = this.#ids.length - blocks[last]!.length;
    const columns = [...this.#ids.keys()].filter((j) => this.#blockOf[j]! > 0 && this.#blockOf[j]! < last);
    const group = config.heads / config.keyValueHeads;
    return Array.from({ length: config.heads }, (_, h) =>
      signals.map((s) =>
        columns.map(
          (j) => dot(queries[start + s]![h]!, keys[j]![Math.floor(h / group)]!) / Math.sqrt(config.headSize),
        ),
      ),
    );
  }

  #parts(layer: number): LayerParts {
    const { config } = this.#request;
    return { config, tensor: (name) => this.tensor(name), positions: this.#positions, layer };
  }
}

function positionsOf(blocks: readonly Int32Array[], queryPosition: number): number[] {
  const shared = blocks[0]!.length;
  return blocks.flatMap((block, b) => {
    const first = b === 0 ? 0 : b === blocks.length - 1 ? queryPosition : shared;
    return Array.from(block, (_, j) => first + j);
  });
}

interface LayerParts {
  readonly config: DecoderConfig;
  readonly tensor: (name: string) => ArrayLike<number>;
  readonly positions: readonly number[];
  readonly layer: number;
}

function project(
  x: Rows,
  { config, tensor, positions, layer }: LayerParts,
): { queries: Rows[]; keys: Rows[]; values: Rows[] } {
  const name = `model.layers.${layer}`;
  const frequencies = inverseFrequencies(config.rope, config.headSize);
  const heads = (part: 'q' | 'k' | 'v'): Rows[] =>
    x.map((row, i) => {
      const normed = rms(row, tensor(`${name}.input_layernorm.weight`), config.epsilon);
      const flat = times(tensor(`${name}.self_attn.${part}_proj.weight`), normed);
      return chunks(flat, config.headSize).map((head) => {
        if (part === 'v') return head;
        const own = config.queryKeyNorm
          ? rms(head, tensor(`${name}.self_attn.${part}_norm.weight`), config.epsilon)
          : head;
        return turn(own, frequencies, positions[i]!);
      });
    });
  return { queries: heads('q'), keys: heads('k'), values: heads('v') };
}

function naiveLayer(x: Rows, parts: LayerParts & { readonly sees: (i: number, j: number) => boolean }): Rows {
  const { config, tensor, layer, sees } = parts;
  const { queries, keys, values } = project(x, parts);
  const group = config.heads / config.keyValueHeads;
  const name = `model.layers.${layer}`;
  return x.map((row, i) => {
    const seen = [...x.keys()].filter((j) => sees(i, j));
    const context = queries[i]!.flatMap((query, h) => {
      const kv = Math.floor(h / group);
      const logits = seen.map((j) => dot(query, keys[j]![kv]!) / Math.sqrt(config.headSize));
      const most = Math.max(...logits);
      const weights = logits.map((logit) => Math.exp(logit - most));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return Array.from({ length: config.headSize }, (_, d) =>
        seen.reduce((sum, j, n) => sum + (weights[n]! / total) * values[j]![kv]![d]!, 0),
      );
    });
    const after = plus(row, times(tensor(`${name}.self_attn.o_proj.weight`), context));
    const inner = rms(after, tensor(`${name}.post_attention_layernorm.weight`), config.epsilon);
    const gate = times(tensor(`${name}.mlp.gate_proj.weight`), inner);
    const up = times(tensor(`${name}.mlp.up_proj.weight`), inner);
    const mixed = gate.map((value, f) => (value / (1 + Math.exp(-value))) * up[f]!);
    return plus(after, times(tensor(`${name}.mlp.down_proj.weight`), mixed));
  });
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const plus = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value + b[i]!);

function times(matrix: ArrayLike<number>, x: readonly number[]): number[] {
  const rows = matrix.length / x.length;
  return Array.from({ length: rows }, (_, r) =>
    x.reduce((sum, value, c) => sum + value * matrix[r * x.length + c]!, 0),
  );
}

function rms(row: readonly number[], scale: ArrayLike<number>, epsilon: number): number[] {
  const mean = row.reduce((sum, value) => sum + value * value, 0) / row.length;
  return row.map((value, i) => (value / Math.sqrt(mean + epsilon)) * scale[i]!);
}

function turn(head: readonly number[], frequencies: Float32Array, position: number): number[] {
  const half = head.length / 2;
  return head.map((value, i) => {
    const angle = position * frequencies[i % half]!;
    const other = i < half ? -head[i + half]! : head[i - half]!;
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function chunks(values: readonly number[], size: number): Rows {
  return Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));
}
