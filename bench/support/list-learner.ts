/** Trains a trainee on lists for some steps, and measures it on others: what comparisons of trainees share. */
import { toOnnx } from '../../engine/graph/onnx.ts';
import type { TensorValue } from '../../engine/graph/tensor.ts';
import { type GraphSession, openSession } from '../../engine/session/runtime.ts';
import { createLosses } from '../../engine/training/losses/create-losses.ts';
import { lossesSchema } from '../../engine/training/losses/losses-recipe.ts';
import { clipGradients } from '../../engine/training/optimisers/clipping.ts';
import { createOptimiser } from '../../engine/training/optimisers/create-optimiser.ts';
import { learningRate, scheduleSchema } from '../../engine/training/optimisers/schedule.ts';
import { optimiserSchema } from '../../engine/training/optimisers/settings.ts';
import { copyTensors, toTensorFeeds } from '../../engine/training/trainer/tensors.ts';
import type { Trainee } from '../../engine/training/trainer/trainee.ts';
import type { TrainingList } from '../../engine/training/trainer/training-list.ts';
import { gradientOf, trainingGraph } from '../../engine/training/training-graph.ts';

/** How long and how fast a trainee learns. */
export interface LearningOptions {
  readonly steps: number;
  /** Lists of one step. */
  readonly lists: number;
  /** Highest learning rate. */
  readonly rate: number;
  /** Threads of a run. */
  readonly threads: number;
}

/** What a trainee is worth on some lists. */
export interface Worth {
  /** Mean cross-entropy against the gains. */
  readonly loss: number;
  /** Mean reciprocal rank of the best relevant document. */
  readonly reciprocalRank: number;
}

const losses = createLosses(lossesSchema.parse({ listNet: {} }));
const optimiser = optimiserSchema.parse({ kind: 'adamw' });
const longestGradient = 1;

/** Changes the trainee's tensors. */
export async function learn(
  trainee: Trainee,
  lists: readonly TrainingList[],
  options: LearningOptions,
): Promise<void> {
  const { steps, lists: perStep, rate, threads } = options;
  const { loss } = losses.values(trainee.logits);
  const { parameters, kept = [] } = trainee;
  const session = await openSession(toOnnx(trainingGraph({ loss, parameters, kept })), {
    folder: trainee.folder!,
    threads,
    prepack: true,
  });
  const rule = createOptimiser(optimiser, trainee.tensors);
  const schedule = scheduleSchema.parse({ rate, warmUpSteps: Math.floor(steps / 10), decay: 'linear' });
  const names = [...trainee.tensors.keys()];
  try {
    for (let step = 0; step < steps; step += 1) {
      const sums = new Map<string, Float32Array>();
      for (let i = 0; i < perStep; i += 1) {
        const list = lists[(step * perStep + i) % lists.length]!;
        const answer = await run(session, trainee, list, names.map(gradientOf));
        for (const name of names)
          addTo(sums, name, answer[gradientOf(name)]!.data as Float32Array, 1 / perStep);
      }
      rule.step(clipGradients(sums, longestGradient).gradients, learningRate(schedule, step, steps));
    }
  } finally {
    await session.release();
  }
}

/** Measures without learning. */
export async function worthOf(
  trainee: Trainee,
  lists: readonly TrainingList[],
  threads: number,
): Promise<Worth> {
  const { loss } = losses.values(trainee.logits);
  const outputs = { loss, logits: trainee.logits };
  const session = await openSession(toOnnx(outputs), { folder: trainee.folder!, threads, prepack: true });
  let [lossSum, rankSum] = [0, 0];
  try {
    for (const list of lists) {
      const answer = await run(session, trainee, list, Object.keys(outputs));
      lossSum += (answer['loss']!.data as Float32Array)[0]!;
      rankSum += reciprocalRank(answer['logits']!.data as Float32Array, list);
    }
  } finally {
    await session.release();
  }
  return { loss: lossSum / lists.length, reciprocalRank: rankSum / lists.length };
}

async function run(
  session: GraphSession,
  trainee: Trainee,
  list: TrainingList,
  outputs: readonly string[],
): ReturnType<GraphSession['run']> {
  const feeds: Record<string, TensorValue> = {
    ...(await trainee.feeds(list)),
    ...losses.toFeeds(list),
    // The runtime reads no shared memory.
    ...toTensorFeeds(copyTensors(trainee.tensors)),
  };
  const wanted = Object.entries(feeds).filter(([name]) => session.inputs.has(name));
  return session.run(Object.fromEntries(wanted), outputs);
}

function addTo(sums: Map<string, Float32Array>, name: string, gradient: Float32Array, share: number): void {
  const sum = sums.get(name) ?? new Float32Array(gradient.length);
  sums.set(name, sum);
  for (let i = 0; i < sum.length; i += 1) sum[i]! += gradient[i]! * share;
}

function reciprocalRank(logits: Float32Array, { documents }: TrainingList): number {
  const best = Math.max(...documents.map(({ gain = 0 }, d) => (gain > 0 ? logits[d]! : -Infinity)));
  // Ties count against it.
  const above = documents.filter(({ gain = 0 }, d) => gain === 0 && logits[d]! >= best);
  return 1 / (1 + above.length);
}
