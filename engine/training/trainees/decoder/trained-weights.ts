/** Which of a decoder's weights are trained, and as what: themselves, or a pair of low-rank matrices beside each. */
import { join } from 'node:path';
import { normalNumber, seededRandom } from '../../../evaluation/random.ts';
import * as g from '../../../graph/operations/index.ts';
import { input, scalar, type Value } from '../../../graph/value.ts';
import type { DecoderFolder } from '../../../model/decoder-folder.ts';
import type { Parameters } from '../../../network/parameters.ts';
import { sharedCopy } from '../../../session/shared-floats.ts';
import { fileParameters } from '../../../weights/file-parameters.ts';
import { readTensorBytes, toFloat32 } from '../../../weights/safetensors.ts';
import type { TrainedTensor, TrainedTensors } from '../../trainer/trainee.ts';
import type { DecoderTraineeOptions, LowRankOptions } from './decoder-model.ts';

/** Weights in training. */
export interface TrainedWeights {
  /** Trained tensors, holding the start. */
  readonly tensors: TrainedTensors;
  /** The same as inputs. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** What the network reads. */
  readonly network: Parameters;
  /** Float32 numbers of those of the checkpoint's tensors that some trained tensors change. */
  merged(tensors: TrainedTensors): Promise<ReadonlyMap<string, TrainedTensor>>;
}

/** Names of a weight's low-rank pair: `[rank, in]` and `[out, rank]`. */
const downOf = (weight: string): string => `${weight}.low-rank.down`;
const upOf = (weight: string): string => `${weight}.low-rank.up`;

const layerName = /^model\.layers\.(\d+)\./;
const projectionName = /\.(?:self_attn|mlp)\.(\w+)_proj\.weight$/;

/** @param reached - Names and shapes of the weights that the losses depend on. */
export async function openTrainedWeights(
  folder: DecoderFolder,
  reached: ReadonlyMap<string, readonly number[]>,
  options: DecoderTraineeOptions,
): Promise<TrainedWeights> {
  const { table, folder: path } = folder.weights;
  const frozen = fileParameters(table, path);
  const chosen = [...reached].filter(([name]) => isChosen(name, options));
  const numbersOf = async (name: string): Promise<Float32Array> => {
    const entry = table.get(name)!;
    return toFloat32(await readTensorBytes(join(path, entry.file), entry), entry.type);
  };
  const { lowRank } = options;
  if (lowRank) return lowRankWeights(chosen, { lowRank, seed: options.seed ?? 1, frozen, numbersOf });
  const tensors = new Map<string, TrainedTensor>();
  for (const [name, shape] of chosen) {
    frozen(name, shape); // the shape is the network's
    tensors.set(name, { shape, data: sharedCopy(await numbersOf(name)) });
  }
  const parameters = toInputs(tensors);
  return {
    tensors,
    parameters,
    network: (name, shape) => parameters[name] ?? frozen(name, shape),
    merged: async (trained) => trained,
  };
}

function isChosen(name: string, { layers, lowRank }: DecoderTraineeOptions): boolean {
  const layer = layerName.exec(name)?.[1];
  if (layers && !(layer !== undefined && layers.includes(Number(layer)))) return false;
  if (!lowRank) return true;
  const { projections = ['q', 'k', 'v', 'o'] } = lowRank;
  const projection = projectionName.exec(name)?.[1];
  return projections.some((each) => each === projection);
}

function toInputs(tensors: TrainedTensors): Record<string, Value> {
  return Object.fromEntries(
    [...tensors].map(([name, { shape }]) => [name, input(name, 'float32', shape)] as const),
  );
}

/**
 * `W + alpha / r · up · down`, summed in the graph: the product costs `r` rows where the layer's own costs as many as a list
 * has tokens. `up` is 0 at the start; `down` is normal with variance `1 / in`.
 */
function lowRankWeights(
  chosen: readonly (readonly [string, readonly number[]])[],
  parts: {
    readonly lowRank: LowRankOptions;
    readonly seed: number;
    readonly frozen: Parameters;
    readonly numbersOf: (name: string) => Promise<Float32Array>;
  },
): TrainedWeights {
  const { lowRank, frozen, numbersOf } = parts;
  const { rank, alpha = 2 * rank } = lowRank;
  const random = seededRandom(parts.seed);
  const tensors = new Map<string, TrainedTensor>();
  for (const [name, [out = 0, width = 0]] of chosen) {
    const data = Float32Array.from({ length: rank * width }, () => normalNumber(random) / Math.sqrt(width));
    tensors.set(downOf(name), { shape: [rank, width], data });
    tensors.set(upOf(name), { shape: [out, rank], data: new Float32Array(out * rank) });
  }
  const parameters = toInputs(tensors);
  const sums = new Map<string, Value>();
  return {
    tensors,
    parameters,
    network(name, shape) {
      const [down, up] = [parameters[downOf(name)], parameters[upOf(name)]];
      if (!down || !up) return frozen(name, shape);
      const change = g.multiply(g.matmul(up, down), scalar(alpha / rank));
      const sum = sums.get(name) ?? g.add(g.cast(frozen(name, shape), 'float32'), change);
      sums.set(name, sum);
      return sum;
    },
    async merged(trained) {
      const changed = new Map<string, TrainedTensor>();
      for (const [name, shape] of chosen) {
        const [down, up] = [trained.get(downOf(name))!.data, trained.get(upOf(name))!.data];
        const data = await numbersOf(name);
        addProduct(data, { up, down, rank, factor: alpha / rank });
        changed.set(name, { shape, data });
      }
      return changed;
    },
  };
}

/** `data += factor · up · down`, row-major. */
function addProduct(
  data: Float32Array,
  {
    up,
    down,
    rank,
    factor,
  }: {
    readonly up: Float32Array;
    readonly down: Float32Array;
    readonly rank: number;
    readonly factor: number;
  },
): void {
  const width = down.length / rank;
  for (let i = 0; i < data.length; i += 1) {
    const [row, column] = [Math.floor(i / width), i % width];
    let sum = 0;
    for (let r = 0; r < rank; r += 1) sum += up[row * rank + r]! * down[r * width + column]!;
    data[i] = data[i]! + factor * sum;
  }
}
