/** Trains an encoder on alias chains: batches of lists in one graph, since a list is ten tokens long. */
import { existsSync } from 'node:fs';
import { seededRandom } from '../../evaluation/random.ts';
import { toOnnx } from '../../graph/onnx.ts';
import { add } from '../../graph/operations/elementwise.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input, type Value } from '../../graph/value.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { type GraphSession, openSession } from '../../session/runtime.ts';
import { namedRandom } from '../data/seeds.ts';
import { type LoopRegularisation, layerCosine, loopRegularisation } from '../losses/loop-regularisation.ts';
import { clipGradients } from '../optimisers/clipping.ts';
import { createOptimiser } from '../optimisers/create-optimiser.ts';
import type { Optimiser } from '../optimisers/optimiser.ts';
import { learningRate, type Schedule } from '../optimisers/schedule.ts';
import type { OptimiserSettings } from '../optimisers/settings.ts';
import { assertSameTensors, readCheckpoint, writeCheckpoint } from '../trainer/checkpoint.ts';
import { setTensors, toTensorFeeds } from '../trainer/tensors.ts';
import type { TrainedTensors } from '../trainer/trainee.ts';
import { gradientOf, trainingGraph } from '../training-graph.ts';
import { type AliasChainTask, drawAliasChain } from './alias-chain.ts';
import { chainLogits, chainLoss, toChainFeeds, toRelevantFeed } from './chain-network.ts';
import { startWeights } from './start-weights.ts';

/** How an encoder is trained on alias chains. */
export interface ChainTraining {
  /** The task. */
  readonly task: AliasChainTask;
  /** The network; its loops are those of training. */
  readonly config: EncoderConfig;
  /** Steps, at least 1. */
  readonly steps: number;
  /** Lists a step, at least 1. */
  readonly batch: number;
  /** The optimiser. */
  readonly optimiser: OptimiserSettings;
  /** Learning rates. */
  readonly schedule: Schedule;
  /** Longest that all gradients together may be, > 0. */
  readonly clipNorm: number;
  /** Draws weights and lists: the same seed gives the same lists to every network. */
  readonly seed: number;
  /** Draws layers to each other. @defaultValue not */
  readonly regularisation?: LoopRegularisation | undefined;
  /** Threads of a step. @defaultValue 1 */
  readonly threads?: number | undefined;
  /**
   * A file that the training's place is written to every so many steps; a training whose file is there goes on from it, to
   * the same weights bit by bit. @defaultValue none
   */
  readonly checkpoint?: { readonly path: string; readonly every: number } | undefined;
  /** Told of each step. @param step - 1 for the first. */
  readonly onStep?: ((step: number, progress: ChainStep) => void) | undefined;
}

/** One step. */
export interface ChainStep {
  /** Cross-entropy of the step's lists, in nats. */
  readonly loss: number;
  /** See `layerCosine`; absent without regularisation. */
  readonly cosine?: number;
}

/** What a training gives. */
export interface TrainedChains {
  /** The weights. */
  readonly tensors: TrainedTensors;
  /** Loss and cosine of each step since the start, or since the checkpoint that the training went on from. */
  readonly steps: readonly ChainStep[];
}

/** @throws RangeError when the loss is no finite number. @throws InferenceError */
export async function trainChains(training: ChainTraining): Promise<TrainedChains> {
  const { config, schedule, steps, seed } = training;
  const tensors = startWeights(config, seededRandom(seed));
  const optimiser = createOptimiser(training.optimiser, tensors);
  const first = await goOn(training, { tensors, optimiser });
  const step = await openStep(training, tensors);
  const done: ChainStep[] = [];
  try {
    for (let at = first; at < steps; at += 1) {
      // Lists of a step do not depend on those before it, so that a training can go on anywhere.
      const { gradients, ...each } = await step.run(namedRandom(seed, `step ${at}`));
      if (!Number.isFinite(each.loss)) {
        throw new RangeError(`trainChains: the loss of step ${at + 1} is ${each.loss}; lower the rate.`);
      }
      const clipped = clipGradients(gradients, training.clipNorm);
      optimiser.step(clipped.gradients, learningRate(schedule, at, steps));
      done.push(each);
      await keep(training, at + 1, { tensors, optimiser });
      training.onStep?.(at + 1, each);
    }
  } finally {
    await step.session.release();
  }
  return { tensors, steps: done };
}

interface Place {
  readonly tensors: TrainedTensors;
  readonly optimiser: Optimiser;
}

/** Puts a checkpoint's numbers in place where there is one. @returns Steps done. */
async function goOn({ checkpoint }: ChainTraining, { tensors, optimiser }: Place): Promise<number> {
  if (!checkpoint || !existsSync(checkpoint.path)) return 0;
  const found = await readCheckpoint(checkpoint.path);
  assertSameTensors(checkpoint.path, found.tensors, tensors);
  setTensors(tensors, found.tensors);
  optimiser.restore(found.optimiser);
  return found.step;
}

async function keep({ checkpoint }: ChainTraining, step: number, place: Place): Promise<void> {
  if (!checkpoint || step % checkpoint.every > 0) return;
  const { tensors, optimiser } = place;
  const content = { step, tensors, optimiser: optimiser.state };
  await writeCheckpoint(checkpoint.path, content, { step, checkpointStep: step - checkpoint.every });
}

interface Step {
  readonly session: GraphSession;
  run(random: () => number): Promise<ChainStep & { readonly gradients: ReadonlyMap<string, Float32Array> }>;
}

async function openStep(training: ChainTraining, tensors: TrainedTensors): Promise<Step> {
  const { task, config, batch } = training;
  const outputs = trainingGraph(stepOf(training, tensors));
  const session = await openSession(toOnnx(outputs), {
    folder: '.',
    threads: training.threads ?? 1,
    prepack: true,
  });
  return {
    session,
    async run(random) {
      const chains = Array.from({ length: batch }, () => drawAliasChain(task, random));
      const feeds: Record<string, TensorValue> = {
        ...toChainFeeds(chains, config),
        relevant: toRelevantFeed(chains, task),
        ...toTensorFeeds(tensors),
      };
      const answer = await session.run(feeds, Object.keys(outputs));
      const numbers = (name: string): Float32Array => answer[name]!.data as Float32Array;
      return {
        loss: numbers('crossEntropy')[0]!,
        ...(training.regularisation && { cosine: numbers('cosine')[0]! }),
        gradients: new Map([...tensors.keys()].map((name) => [name, numbers(gradientOf(name))])),
      };
    },
  };
}

/** The step's graph: the cross-entropy, with what draws layers together. */
function stepOf(
  { task, config, regularisation }: ChainTraining,
  tensors: TrainedTensors,
): Parameters<typeof trainingGraph>[0] {
  const parameters: Record<string, Value> = {};
  for (const [name, { shape }] of tensors) parameters[name] = input(name, 'float32', shape);
  const crossEntropy = chainLoss(chainLogits(config, task, (name) => parameters[name]!));
  if (!regularisation) return { loss: crossEntropy, others: { crossEntropy }, parameters };
  const cosine = layerCosine(parameters, regularisation.distance);
  const loss = add(crossEntropy, loopRegularisation(cosine, regularisation));
  return { loss, others: { crossEntropy, cosine }, parameters };
}
