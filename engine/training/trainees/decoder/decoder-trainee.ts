/**
 * A decoder in training, whole or by low-rank matrices. Logits are logarithms of the masses that are served, so that their
 * softmax is the mass of each document. Axes: see `packed-decoder.ts`; `N` documents of a list.
 */
import * as g from '../../../graph/operations/index.ts';
import { input, scalar, type Value } from '../../../graph/value.ts';
import type { DecoderNetwork } from '../../../network/decoder-layers.ts';
import { packedRankingLogits, packedTrainingLogits } from '../../../network/packed/packed-decoder.ts';
import type { Parameters } from '../../../network/parameters.ts';
import { auxiliaryLoss, documentMasses, lossInputs, nextTokenLoss } from '../../losses/blockrank-losses.ts';
import type { Trainee } from '../../trainer/trainee.ts';
import { derivedAxes, placesName, toDecoderFeeds, tokensOf, trainingForm } from './decoder-list.ts';
import { type DecoderModel, type DecoderTraineeOptions, openDecoderModel } from './decoder-model.ts';
import { saveDecoder } from './save-decoder.ts';
import { openTrainedWeights } from './trained-weights.ts';

/** The paper's temperature. */
const defaultTau = 0.05;
/** Smallest mass whose logarithm is told apart: far below any that float32 sums. */
const leastMass = 1e-30;

/**
 * Opens a decoder for training.
 *
 * Losses of its own: `blockRank`, InfoNCE over the masses that signal tokens give to documents, where documents with a gain
 * above 0 are the relevant ones; and `nextToken`, the mean cross-entropy of the answer that names them. The paper's training
 * gives them the weights .1 and 1.
 *
 * What stays in memory of the forward pass is the sum between layers; the rest of a layer is computed a second time.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is none of a
 * decoder.
 */
export async function decoderTrainee(options: DecoderTraineeOptions): Promise<Trainee> {
  const model = await openDecoderModel(options);
  const { folder, prompts, scoring } = model;
  const { config } = folder;
  const weights = await openTrainedWeights(folder, reachedWeights(model, options), options);
  return {
    ...decoderGraph(model, weights.network, options),
    tensors: weights.tensors,
    parameters: weights.parameters,
    folder: folder.weights.folder,
    feeds: async (list) => toDecoderFeeds(list, { prompts, scoring, config }),
    tokens: tokensOf,
    axes: derivedAxes,
    save: async (path, tensors) => saveDecoder(path, model, await weights.merged(tensors)),
    close: async () => {},
  };
}

interface DecoderValues {
  /** Of signal tokens over documents' keys. */
  readonly signals: Value;
  readonly tokens: Value | undefined;
  readonly between: readonly Value[];
}

function decoderValues(
  { folder: { config }, scoring }: DecoderModel,
  parameters: Parameters,
  { nextToken = true }: DecoderTraineeOptions,
): DecoderValues {
  const network: DecoderNetwork = { config, parameters };
  const reading = { scoringLayer: scoring.layer, form: trainingForm };
  if (nextToken) {
    const { logits, tokenLogits, between } = packedTrainingLogits(network, reading);
    return { signals: logits, tokens: tokenLogits, between };
  }
  const { logits, between } = packedRankingLogits(network, reading);
  return { signals: logits, tokens: undefined, between };
}

function decoderGraph(
  model: DecoderModel,
  network: Parameters,
  options: DecoderTraineeOptions,
): Pick<Trainee, 'logits' | 'ownLosses' | 'kept'> {
  const { signals, tokens, between } = decoderValues(model, network, options);
  const inputs = lossInputs();
  const masses = documentMasses(signals, inputs);
  const logMasses = g.logarithm(g.maximum(masses, scalar(leastMass)));
  return {
    logits: g.gather(logMasses, input(placesName, 'int64', ['documents'])),
    ownLosses: {
      blockRank: auxiliaryLoss(masses, inputs, options.tau ?? defaultTau),
      ...(tokens && { nextToken: nextTokenLoss(tokens, inputs) }),
    },
    kept: between.slice(Math.min(...(options.layers ?? [0])) + 1),
  };
}

/** Names and shapes of the weights that the graph reads. */
function reachedWeights(
  model: DecoderModel,
  options: DecoderTraineeOptions,
): ReadonlyMap<string, readonly number[]> {
  const reached = new Map<string, readonly number[]>();
  const noting: Parameters = (name, shape) => {
    reached.set(name, shape);
    return input(name, 'float32', shape);
  };
  decoderValues(model, noting, options);
  return reached;
}
