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
import { input, scalar, type Value } from '../../graph/value.ts';
import { encoderLayers, l2Normalise } from '../../network/encoder.ts';
import { encoderInputs, encoderTokens, prefixedFeeds, toEncoderFeeds } from '../../network/encoder-inputs.ts';
import type { Parameters } from '../../network/parameters.ts';
import type { Residual } from '../../network/residuals.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import { logSoftmax } from '../losses/softmax.ts';
import type { TrainedTensors, Trainee } from '../trainer/trainee.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import { saveLayers } from './encoder-layer-files.ts';
import { type LayerModel, type LayerModelOptions, openLayerModel } from './encoder-layer-model.ts';
import { toListBlocks } from './list-blocks.ts';
import { listReadout } from './list-readout.ts';
import { openTeacher, type Teacher, type TeacherOptions } from './teacher-states.ts';

/** Options of {@link encoderLayersTrainee}. */
export interface EncoderLayersOptions extends LayerModelOptions, Omit<TeacherOptions, 'cacheFolder'> {
  /**
   * Whether the full depth's states are a goal: then there are the losses `tokenCosine` and `anchorCosine`.
   * @defaultValue true at a smaller depth, else false
   */
  readonly followsFullDepth?: boolean;
}

/**
 * Opens an encoder for training.
 *
 * Losses of its own, where the full depth is followed: `tokenCosine` and `anchorCosine`, the mean over tokens (documents'
 * and the query's own words) and over anchors of 1 - cosine to the full depth's states, in [0, 2]; `listDivergence`, the
 * divergence `KL(full || trained)` of the list's masses from those that the full depth gives, >= 0.
 *
 * What stays in memory of the forward pass is the sum above each layer; the rest of a layer is computed a second time.
 *
 * @throws ConfigurationError when the model has no such depth or layer, or is of the `in-context` profile. @throws
 * ModelFormatError when the folder is none of an encoder.
 */
export async function encoderLayersTrainee(options: EncoderLayersOptions = {}): Promise<Trainee> {
  const model = await openLayerModel(options);
  const follows = options.followsFullDepth ?? model.depth < model.fullDepth;
  const teacher = follows ? await openTeacher(options, model) : undefined;
  const parameters: Record<string, Value> = {};
  for (const [name, { shape }] of model.tensors) parameters[name] = input(name, 'float32', shape);
  const replaced: Replaced = (frozen) => (name, shape) => parameters[name] ?? frozen(name, shape);
  return {
    ...layersGraph(model, { follows: teacher !== undefined, replaced }),
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
  { follows = false, replaced = (frozen) => frozen, residual }: LayersGraphOptions,
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
  const { logits, anchors, vectors, queryTokens, queryAnchor } = listReadout(states, model);
  // Below the lowest trained layer nothing is computed a second time: no gradient goes there.
  const kept = encoders.flatMap((layers) => layers.slice(Math.min(...trained), -1));
  if (!follows) return { logits, kept };
  const tokens = g.concat([vectors, queryTokens], 0, 'T+Q');
  const allAnchors = g.concat([anchors, queryAnchor], 0, 'D+1');
  return {
    logits,
    kept,
    ownLosses: {
      tokenCosine: meanCosineDistance(tokens, input('teacher.tokens', 'float32', ['T+Q', config.width])),
      anchorCosine: meanCosineDistance(
        allAnchors,
        input('teacher.anchors', 'float32', ['D+1', config.width]),
      ),
      listDivergence: divergence(input('teacher.logits', 'float32', ['documents']), logits),
    },
  };
}

/** Mean of 1 - cosine over rows of length 1, float32 `[]`. */
function meanCosineDistance(rows: Value, others: Value): Value {
  const cosines = g.sumLast(g.multiply(rows, others));
  const count = g.sumOver(g.filled(1, cosines), [0, 1], { keeps: false });
  return g.subtract(scalar(1), g.divide(g.sumOver(cosines, [0, 1], { keeps: false }), count));
}

/** `KL(wanted || given)` of the softmaxes of two rows of logits, float32 `[]`. */
function divergence(wanted: Value, given: Value): Value {
  const [logWanted, logGiven] = [logSoftmax(wanted), logSoftmax(given)];
  const weighed = g.multiply(g.exponential(logWanted), g.subtract(logWanted, logGiven));
  return g.sumOver(weighed, [0], { keeps: false });
}

/** Tokens of both batches. @param feeds - With those of {@link toFeeds}. */
export function listTokens(feeds: Readonly<Record<string, TensorValue>>): number {
  return batchNames.reduce((sum, name) => sum + encoderTokens({ mask: feeds[`${name}mask`]! }), 0);
}

/** Rows of both batches. @param feeds - With those of {@link toFeeds}. */
export function listAxes(feeds: Readonly<Record<string, TensorValue>>): AxisLengths {
  return { R: batchNames.reduce((sum, name) => sum + feeds[`${name}ids`]!.data.length, 0) };
}

/** Feeds of {@link layersGraph} for one list. @param teacher - Where the full depth's states are a goal. */
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
