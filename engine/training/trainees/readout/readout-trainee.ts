/**
 * The readout of the `cacheable` profile in training: block states are frozen and encoded once; what is learnt stands on the
 * query's side, or reads the anchors of a list.
 */
import { ConfigurationError } from '../../../errors.ts';
import { add } from '../../../graph/operations/elementwise.ts';
import { exponential, multiply, sigmoid } from '../../../graph/operations/index.ts';
import { input, scalar, type Value } from '../../../graph/value.ts';
import { readoutInputs } from '../../../network/readout/readout-feeds.ts';
import { readoutLogits, type ScalarName, trainedInputs } from '../../../network/readout/readout-graph.ts';
import { type HeadSizes, headShapes } from '../../../readout/heads.ts';
import type { ReadoutParameters } from '../../../readout/parameters.ts';
import type { EncoderReranker } from '../../../rerank/encoder/encoder-reranker.ts';
import type { TrainedTensors, Trainee } from '../../trainer/trainee.ts';
import { firstStageFeed, firstStageInput, fusedLogits } from './fused-logits.ts';
import { ListStates, listTokens } from './list-states.ts';
import { saveModel, trainedReadout } from './save-model.ts';
import { startTensors } from './start-tensors.ts';

/** Options of {@link readoutTrainee}. */
export interface ReadoutTraineeOptions {
  /** The model to start from, of tier `tokens`; it stays open, and the caller closes it. */
  readonly reranker: EncoderReranker;
  /** Sizes of the parts that are trained; 0 leaves one out. @defaultValue anchor 32, list 16, the others 0 */
  readonly sizes?: Partial<Omit<HeadSizes, 'width'>>;
  /** Numbers of the readout that are trained. @defaultValue alpha, readingTau, anchorTau, tokenWeight */
  readonly scalars?: readonly ScalarName[];
  /** Whether `logits` are fused with first-stage scores, at a weight that is trained too. @defaultValue false */
  readonly isFused?: boolean;
  /** How token vectors are kept in memory while the token head is trained. @defaultValue `'float32'` */
  readonly tokens?: 'float32' | 'float16';
  /** Most bytes of states that are kept in memory. @defaultValue 1073741824 (1 GiB) */
  readonly stateBytes?: number;
  /** States that several trainings share, from {@link readoutStates} with the same options. @defaultValue its own */
  readonly states?: ListStates;
  /** Decides the first numbers of the parts. @defaultValue 1 */
  readonly seed?: number;
}

/** The readout in training. */
export interface ReadoutTrainee extends Trainee {
  /** Logits before fusion: what the model serves, float32 `['documents']`. */
  readonly ownLogits: Value;
  /** The first stage's share that some tensors say. */
  fusionWeight(tensors: TrainedTensors): number;
  /** @param fusionWeight - @defaultValue what the tensors say */
  save(folder: string, tensors: TrainedTensors, fusionWeight?: number): Promise<void>;
}

const defaultSizes = { readingRank: 0, anchorRank: 32, tokenRank: 0, listWidth: 16 };
const defaultScalars: readonly ScalarName[] = ['alpha', 'readingTau', 'anchorTau', 'tokenWeight'];
const defaultStateBytes = 2 ** 30;
/** Of z-scores, whose softmax would be flat: about the deviation of the shipped model's logits over a list. */
const startScale = 2.5;
/** A fusion weight of 0 or 1 could not be trained. */
const innerShare = 1e-3;

/**
 * Makes a trainee whose start is the reranker's model exactly. Token vectors are read only when the token head is trained:
 * otherwise a list costs its anchors alone.
 *
 * @throws ConfigurationError when the model has trained parts already, or keeps no token vectors where they are trained.
 */
export function readoutTrainee(options: ReadoutTraineeOptions): ReadoutTrainee {
  const { reranker, isFused = false } = options;
  if (reranker.heads) {
    const message = `"${reranker.modelFolder}" has trained heads already; start from the model that they were trained on`;
    throw new ConfigurationError('Cannot train the readout', [{ path: 'model', message }]);
  }
  const sizes: HeadSizes = { ...defaultSizes, ...options.sizes, width: reranker.width };
  const scalars = (options.scalars ?? defaultScalars).filter((name) => hasPart(reranker.readout, name));
  const states = options.states ?? readoutStates(options);
  const { form } = states;
  const trained = trainedInputs(sizes, scalars);
  const ownLogits = readoutLogits(readoutInputs(reranker.width, form), reranker.readout, trained);
  const tensors = startTensors(sizes, scalars, options.seed ?? 1);
  const start = shareLogit(reranker.info.fusionWeight ?? 0);
  const fusion = isFused ? fusionInputs(start) : undefined;
  if (fusion)
    for (const name of Object.keys(fusion.parameters))
      tensors.set(name, { shape: [], data: new Float32Array(1) });
  const shareOf = (all: TrainedTensors): number => {
    const change = all.get('fusion.weight')?.data[0];
    return change === undefined ? (reranker.info.fusionWeight ?? 0) : 1 / (1 + Math.exp(-(start + change)));
  };
  const scalarInputs = Object.entries(trained.scalars).map(([name, value]) => [`scalar.${name}`, value]);
  return {
    tensors,
    parameters: { ...trained.tensors, ...Object.fromEntries(scalarInputs), ...fusion?.parameters },
    logits: fusion ? fusedLogits(ownLogits, fusion) : ownLogits,
    ownLogits,
    async feeds(list) {
      const feeds = await states.feeds(list);
      return isFused ? { ...feeds, [nameOfInput(firstStageInput)]: firstStageFeed(list) } : feeds;
    },
    tokens: listTokens,
    fusionWeight: shareOf,
    async save(folder, all, fusionWeight = shareOf(all)) {
      const names = new Set(headShapes(sizes).keys());
      await saveModel(folder, {
        modelFolder: reranker.modelFolder,
        readout: trainedReadout(reranker.readout, all),
        heads: new Map([...all].filter(([name]) => names.has(name))),
        fusionWeight,
      });
    },
    async close() {},
  };
}

/** Whether a number plays a part in what the model computes. */
function hasPart(readout: ReadoutParameters, name: ScalarName): boolean {
  if (name === 'alpha' || name === 'readingTau') return readout.alpha > 0 && readout.readingSteps > 0;
  return name === 'anchorTau' || readout.tokenWeight > 0;
}

/** The states that a training with these options reads: the token head is fed as numbers unless something in it is trained. */
export function readoutStates(options: ReadoutTraineeOptions): ListStates {
  const { reranker, sizes, scalars = defaultScalars, tokens = 'float32' } = options;
  const { tokenRank } = { ...defaultSizes, ...sizes };
  const isTrained = tokenRank > 0 || scalars.includes('tokenTau');
  const form = reranker.readout.tokenWeight === 0 ? 'none' : isTrained ? tokens : 'pooled';
  return new ListStates(reranker, form, options.stateBytes ?? defaultStateBytes);
}

const shareLogit = (share: number): number => {
  const inner = Math.min(1 - innerShare, Math.max(innerShare, share));
  return Math.log(inner / (1 - inner));
};

function fusionInputs(start: number): { weight: Value; scale: Value; parameters: Record<string, Value> } {
  const [weight, scale] = [input('fusion.weight', 'float32', []), input('fusion.scale', 'float32', [])];
  return {
    weight: sigmoid(add(weight, scalar(start))),
    scale: multiply(scalar(startScale), exponential(scale)),
    parameters: { 'fusion.weight': weight, 'fusion.scale': scale },
  };
}

const nameOfInput = ({ origin }: Value): string => (origin.kind === 'input' ? origin.name : '');
