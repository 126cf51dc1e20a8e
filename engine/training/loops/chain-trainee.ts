/** An encoder in training on alias chains, for `train`. */
import { seededRandom } from '../../evaluation/random.ts';
import { reshape, subtract } from '../../graph/operations/index.ts';
import { input, scalar, type Value } from '../../graph/value.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { encoderTokens } from '../../network/encoder-inputs.ts';
import { layerCosine } from '../losses/loop-regularisation.ts';
import type { Trainee } from '../trainer/trainee.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import { type AliasChain, type AliasChainTask, drawAliasChain } from './alias-chain.ts';
import { chainLogits, toChainFeeds } from './chain-network.ts';
import { saveEncoder } from './save-encoder.ts';
import { startWeights } from './start-weights.ts';

/** Options of {@link chainTrainee}. */
export interface ChainTraineeOptions {
  /** The task. */
  readonly task: AliasChainTask;
  /** The network; its loops are those of training. */
  readonly config: EncoderConfig;
  /** Draws the starting weights. */
  readonly seed: number;
  /** Gives the loss `layerDistance`, 1 - `layerCosine` of layers so far apart. @defaultValue there is no such loss */
  readonly regularisedDistance?: number | undefined;
}

/** Makes the trainee. Its lists are those of {@link chainLists}. */
export function chainTrainee({ task, config, seed, regularisedDistance }: ChainTraineeOptions): Trainee {
  const tensors = startWeights(config, seededRandom(seed));
  const parameters: Record<string, Value> = {};
  for (const [name, { shape }] of tensors) parameters[name] = input(name, 'float32', shape);
  const logits = chainLogits(config, task, (name) => parameters[name]!);
  return {
    tensors,
    parameters,
    logits: reshape(logits, ['documents'], [-1]),
    ...(regularisedDistance && {
      ownLosses: { layerDistance: subtract(scalar(1), layerCosine(parameters, regularisedDistance)) },
    }),
    feeds: async (list) => toChainFeeds([toTokens(list)], config),
    tokens: encoderTokens,
    save: (folder, trained) => saveEncoder(folder, config, trained),
    close: async () => {},
  };
}

/** So many lists of a task. The same seed gives the same lists. */
export function chainLists(task: AliasChainTask, count: number, seed: number): TrainingList[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => toList(drawAliasChain(task, random), task, `chain-${i}`));
}

function toList({ tokens, relevant }: AliasChain, { names }: AliasChainTask, queryId: string): TrainingList {
  return {
    set: 'alias-chains',
    queryId,
    query: tokens.subarray(names).join(' '),
    documents: Array.from(tokens.subarray(0, names), (alias, name) => ({
      docId: `name-${name}`,
      text: String(alias),
      gain: name === relevant ? 1 : 0,
    })),
  };
}

function toTokens({ query, documents }: TrainingList): Pick<AliasChain, 'tokens'> {
  const words = [...documents.map(({ text }) => text), ...query.split(' ')];
  return { tokens: Int32Array.from(words, Number) };
}
