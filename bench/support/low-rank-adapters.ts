/**
 * Low-rank adapters (LoRA) in training, which residuals are measured beside: of every layer the matrices of attention's
 * queries and values, each with a product of rank `r` added to it that starts at 0.
 *
 * Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (arXiv:2106.09685), section 4.
 */
import * as g from '../../engine/graph/operations/index.ts';
import { input, type Value } from '../../engine/graph/value.ts';
import {
  type LayerModelOptions,
  openLayerModel,
} from '../../engine/training/trainees/encoder-layer-model.ts';
import { layersGraph, listAxes, listTokens, toFeeds } from '../../engine/training/trainees/encoder-layers.ts';
import type { TrainedTensor, Trainee } from '../../engine/training/trainer/trainee.ts';
import { uniformRandom } from './uniform-random.ts';

/** Adapters over a frozen encoder; they are measured and not saved. */
export async function lowRankAdapters(
  options: LayerModelOptions,
  { rank, seed }: { readonly rank: number; readonly seed: number },
): Promise<Trainee> {
  const model = await openLayerModel(options);
  const { layers, width: W } = model.config;
  const next = uniformRandom(seed);
  const parameters: Record<string, Value> = {};
  const tensors = new Map<string, TrainedTensor>();
  const add = (name: string, shape: readonly [number, number], number: () => number): void => {
    parameters[name] = input(name, 'float32', shape);
    tensors.set(name, { shape, data: Float32Array.from({ length: shape[0] * shape[1] }, number) });
  };
  for (let layer = 0; layer < layers; layer += 1) {
    for (const part of ['query', 'value']) {
      const name = `encoder.layer.${layer}.attention.self.${part}.weight`;
      add(`${name}.up`, [W, rank], () => 0);
      add(`${name}.down`, [rank, W], () => next() / Math.sqrt(W));
    }
  }
  const graph = layersGraph(model, {
    replaced: (frozen) => (name, shape) => {
      const [up, down] = [parameters[`${name}.up`], parameters[`${name}.down`]];
      return up && down ? g.add(frozen(name, shape), g.matmul(up, down)) : frozen(name, shape);
    },
  });
  return {
    ...graph,
    parameters,
    tensors,
    folder: model.weights.folder,
    feeds: (list) => toFeeds(list, model),
    tokens: listTokens,
    axes: listAxes,
    save: () => Promise.reject(new Error('lowRankAdapters: adapters are measured, not saved.')),
    close: async () => undefined,
  };
}
