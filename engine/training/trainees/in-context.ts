/**
 * The `in-context` profile in training: documents see the query through gated cross attention in some layers. Gates and layers
 * are trained; everything else stays. Logits come from the model's own readout over the states, so that what is learnt is what is
 * served. At the start the gates are 0, or those of the model: it ranks exactly as it did before.
 */

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '../../errors.ts';
import * as g from '../../graph/operations/index.ts';
import { input, type Value } from '../../graph/value.ts';
import { changeManifest } from '../../model/change-manifest.ts';
import { type Gates, toGatesFile } from '../../model/gates-file.ts';
import { gatesName, layerOfGates } from '../../network/cross-attention.ts';
import { l2Normalise } from '../../network/encoder.ts';
import { encoderTokens, toEncoderFeeds } from '../../network/encoder-inputs.ts';
import { inContextLayers, queryTokens, toQueryFeeds } from '../../network/in-context-encoder.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import type { TrainedTensor, TrainedTensors, Trainee } from '../trainer/trainee.ts';
import { saveLayers } from './encoder-layer-files.ts';
import { type LayerModel, type LayerModelOptions, openLayerModel } from './encoder-layer-model.ts';
import { toListBlocks } from './list-blocks.ts';
import { listReadout } from './list-readout.ts';

/** Options of {@link inContextTrainee}. */
export interface InContextOptions extends Omit<LayerModelOptions, 'depth'> {
  /** Layers that are trained, from the bottom, 0 first. @defaultValue the upper half */
  readonly layers?: readonly number[];
  /** Layers in which documents see the query. @defaultValue those that the model has gates of, else those that are trained */
  readonly gatedLayers?: readonly number[];
  /** Learning rate of gates as a factor of the layers' one, above 0. @defaultValue 250 */
  readonly gateRateFactor?: number;
}

/** Gates are single numbers around 1, and layers move by 4e-5 a step: with 1e-2 a step for gates both moved in trials. */
const defaultGateRateFactor = 250;

/**
 * Opens an encoder for training in the `in-context` profile, whatever profile it has; what comes out is of that profile.
 *
 * What stays in memory of the forward pass is the sum above each layer; the rest of a layer is computed a second time.
 *
 * @throws ConfigurationError when the model has no such layer, or layers that loop. @throws ModelFormatError when the folder is none of an encoder.
 */
export async function inContextTrainee(options: InContextOptions = {}): Promise<Trainee> {
  const model = await openLayerModel(options, 'in-context');
  const gates = startGates(model, options);
  const tensors: TrainedTensors = new Map([...model.tensors, ...gates]);
  const factor = options.gateRateFactor ?? defaultGateRateFactor;
  return {
    ...inContextGraph(model, tensors),
    tensors,
    rateFactors: Object.fromEntries([...gates.keys()].map((name) => [name, factor])),
    fusionWeight: () => model.fusionWeight,
    folder: model.weights.folder,
    async feeds(list) {
      const { batches, feeds } = toListBlocks(list, model, 'query-apart');
      const [[query], documents] = batches;
      const { padId } = model.tokenizer;
      return {
        ...toQueryFeeds(query!, model.config),
        ...toEncoderFeeds(documents, model.config, padId),
        ...feeds,
      };
    },
    tokens: (feeds) => encoderTokens(feeds) + queryTokens(feeds),
    save: (folder: string, trained: TrainedTensors) => saveInContext(model, folder, trained),
    close: async () => {},
  };
}

/** The model's gates, and zeros for layers that have none yet. */
function startGates(
  { config, gates, trained }: LayerModel,
  { gatedLayers, gateRateFactor }: InContextOptions,
): Map<string, TrainedTensor> {
  const gated = gatedLayers ?? (gates.size > 0 ? [...gates.keys()] : trained);
  const wrong = gated.filter((layer) => !Number.isInteger(layer) || layer < 0 || layer >= config.layers);
  const lost = [...gates.keys()].filter((layer) => !gated.includes(layer));
  const issues = [
    ...(gated.length === 0 || wrong.length > 0
      ? [`expected whole numbers from 0 to ${config.layers - 1}, got ${wrong.join(', ') || 'none'}`]
      : []),
    ...(lost.length > 0
      ? [`expected the layers that the model has gates of, ${lost.join(', ')} among them`]
      : []),
  ].map((message) => ({ path: 'gatedLayers', message }));
  if (gateRateFactor !== undefined && !(gateRateFactor > 0)) {
    issues.push({ path: 'gateRateFactor', message: `expected more than 0, got ${gateRateFactor}` });
  }
  if (issues.length > 0) throw new ConfigurationError('Cannot train the profile in-context', issues);
  return new Map(
    [...new Set(gated)]
      .sort((a, b) => a - b)
      .map((layer) => {
        const data = Float32Array.from(gates.get(layer) ?? new Float32Array(config.heads));
        return [gatesName(layer), { shape: [config.heads], data }];
      }),
  );
}

function inContextGraph(
  model: LayerModel,
  tensors: TrainedTensors,
): Pick<Trainee, 'parameters' | 'logits' | 'kept'> {
  const { config, weights, trained } = model;
  const parameters: Record<string, Value> = {};
  for (const [name, { shape }] of tensors) parameters[name] = input(name, 'float32', shape);
  const frozen = fileParameters(weights.table, weights.file);
  const gatedLayers = [...gatesOf(tensors).keys()];
  const { query, documents } = inContextLayers(
    config,
    (name, shape) => parameters[name] ?? frozen(name, shape),
    gatedLayers,
  );
  const states = l2Normalise(g.concat([query.at(-1)!, documents.at(-1)!], 0));
  // Below the lowest trained layer nothing is computed a second time: no gradient goes there.
  const lowest = Math.min(...trained, ...gatedLayers);
  return {
    parameters,
    logits: listReadout(states, model).logits,
    kept: [query, documents].flatMap((layers) => layers.slice(lowest, -1)),
  };
}

/** The gates among trained tensors. */
function gatesOf(tensors: TrainedTensors): Gates {
  return new Map(
    [...tensors].flatMap(([name, { data }]) => {
      const layer = layerOfGates(name);
      return layer === undefined ? [] : [[layer, data] as const];
    }),
  );
}

const gatesFile = 'gates.safetensors';

/** Writes layers, gates and the profile. Smaller depths stay behind: their layers were not trained. */
async function saveInContext(model: LayerModel, folder: string, tensors: TrainedTensors): Promise<void> {
  await saveLayers(model, folder, tensors);
  await writeFile(join(folder, gatesFile), toGatesFile(gatesOf(tensors)));
  await changeManifest(folder, async ({ depths = {}, ...manifest }) => {
    for (const { weights } of Object.values(depths)) await rm(join(folder, weights), { force: true });
    return { ...manifest, profile: 'in-context', gates: gatesFile };
  });
}
