/**
 * Layers of an encoder in training: chosen layers are trained, everything below and between them stays. Logits come from the
 * model's own readout over the states, so that what is learnt is what is served.
 *
 * Blocks of a list are read in two batches, short ones and long ones: padding is work, and a batch is padded to its longest block.
 *
 * Axes: `B` blocks of one list, `R` rows of both batches, `D = B - 1` blocks of documents, `T` their tokens, `Q` the query's own
 * words, `W` width.
 */

import type { AxisLengths } from '../../graph/live-bytes.ts';
import * as g from '../../graph/operations/index.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input, type Value } from '../../graph/value.ts';
import { encoderLayers, l2Normalise } from '../../network/encoder.ts';
import { encoderInputs, encoderTokens, prefixedFeeds, toEncoderFeeds } from '../../network/encoder-inputs.ts';
import type { Parameters } from '../../network/parameters.ts';
import type { Residual } from '../../network/residuals.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import type { TrainedTensors, Trainee } from '../trainer/trainee.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import { saveLayers } from './encoder-layer-files.ts';
import { type LayerModel, type LayerModelOptions, openLayerModel } from './encoder-layer-model.ts';
import { fullDepthLosses } from './full-depth-losses.ts';
import { toListBlocks } from './list-blocks.ts';
import { listReadout } from './list-readout.ts';
import { openTeacher, type Teacher, type TeacherOptions, teacherStates } from './teacher-states.ts';

/** Options of {@link encoderLayersTrainee}. */
export interface EncoderLayersOptions extends LayerModelOptions, Omit<TeacherOptions, 'cacheFolder'> {
  /**
   * Whether the full depth's states are a goal: then there are the losses of `fullDepthLosses`.
   * @defaultValue true at a smaller depth, else false
   */
  readonly followsFullDepth?: boolean;
}

/**
 * Opens an encoder for training.
 *
 * Losses of its own, where the full depth is followed: `tokenCosine`, `anchorCosine`, `anchorLogitError`, `tokenMassError`
 * and `listDivergence` (`fullDepthLosses`). At a depth whose queries the full depth reads, it reads them in training, too.
 *
 * What stays in memory of the forward pass is the sum above each layer; the rest of a layer is computed a second time.
 *
 * @throws ConfigurationError when the model has no such depth or layer, or is of the `in-context` profile. @throws
 * ModelFormatError when the folder is none of an encoder.
 */
export async function encoderLayersTrainee(options: EncoderLayersOptions = {}): Promise<Trainee> {
  const model = await openLayerModel(options);
  const follows = options.followsFullDepth ?? model.depth < model.fullDepth;
  const asksFullDepth = model.readsQueriesAtFullDepth;
  const teacher = follows || asksFullDepth ? await openTeacher(options, model, follows) : undefined;
  const parameters: Record<string, Value> = {};
  for (const [name, { shape }] of model.tensors) parameters[name] = input(name, 'float32', shape);
  const replaced: Replaced = (frozen) => (name, shape) => parameters[name] ?? frozen(name, shape);
  return {
    ...layersGraph(model, { follows, asksFullDepth, replaced }),
    parameters,
    tensors: model.tensors,
    fusionWeight: () => model.fusionWeight,
    folder: model.weights.folder,
    feeds: (list) => toFeeds(list, model, teacher),
    tokens: listTokens,
    axes: listAxes,
    save: (folder: string, tensors: TrainedTensors) => saveLayers(model, folder, tensors),
    close: async () => teacher?.close(),
  };
}

/** Parameters in which some stand in the place of frozen ones. */
export type Replaced = (frozen: Parameters) => Parameters;

/** What is not as in the model. */
export interface LayersGraphOptions {
  /** Whether the full depth's states are a goal. @defaultValue false */
  readonly follows?: boolean;
  /** Whether the query's states are the full depth's, and not those of the trained layers. @defaultValue false */
  readonly asksFullDepth?: boolean;
  /** Weights in the place of the model's. @defaultValue none */
  readonly replaced?: Replaced;
  /** Learned sums in the place of plain ones. @defaultValue none */
  readonly residual?: Residual;
}

/** What stands before the names of either batch's inputs. */
const batchNames = ['short.', 'long.'] as const;

/** Logits of a list, from the model's layers through its own readout. */
export function layersGraph(
  model: LayerModel,
  { follows = false, asksFullDepth = false, replaced = (frozen) => frozen, residual }: LayersGraphOptions,
): Pick<Trainee, 'logits' | 'ownLosses' | 'kept'> {
  const { config, weights, trained } = model;
  const frozen = fileParameters(weights.table, weights.file);
  const encoders = batchNames.map((name) =>
    encoderLayers(config, replaced(frozen), { precision: 'fp32', residual, inputs: encoderInputs(name) }),
  );
  const states = l2Normalise(
    g.concat(
      encoders.map((layers) => layers.at(-1)!),
      0,
      'R',
    ),
  );
  const teacher = teacherStates(config.width);
  const read = listReadout(states, model, asksFullDepth ? teacher : undefined);
  // Below the lowest trained layer nothing is computed a second time: no gradient goes there.
  const kept = encoders.flatMap((layers) => layers.slice(Math.min(...trained), -1));
  const { logits } = read;
  if (!follows) return { logits, kept };
  const { readout } = model;
  return { logits, kept, ownLosses: fullDepthLosses(read, teacher, { readout, readsQuery: !asksFullDepth }) };
}

/** Tokens of both batches. @param feeds - With those of {@link toFeeds}. */
export function listTokens(feeds: Readonly<Record<string, TensorValue>>): number {
  return batchNames.reduce((sum, name) => sum + encoderTokens({ mask: feeds[`${name}mask`]! }), 0);
}

/** Rows of both batches. @param feeds - With those of {@link toFeeds}. */
export function listAxes(feeds: Readonly<Record<string, TensorValue>>): AxisLengths {
  return { R: batchNames.reduce((sum, name) => sum + feeds[`${name}ids`]!.data.length, 0) };
}

/** Feeds of {@link layersGraph} for one list. @param teacher - Where the full depth's states are read. */
export async function toFeeds(
  list: TrainingList,
  model: LayerModel,
  teacher?: Teacher,
): ReturnType<Trainee['feeds']> {
  const { batches, feeds } = toListBlocks(list, model);
  const [short, long] = batches.map((blocks, i) =>
    prefixedFeeds(batchNames[i]!, toEncoderFeeds(blocks, model.config, model.tokenizer.padId)),
  );
  return { ...short, ...long, ...feeds, ...(await teacher?.feeds(list)) };
}
