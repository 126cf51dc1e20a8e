/** Runs a trainee's graphs over lists: gradients of a step, a loss, logits. */
import { toOnnx } from '../../graph/onnx.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { GraphSession } from '../../session/runtime.ts';
import type { Losses } from '../losses/create-losses.ts';
import type { ReadoutTrainee } from '../trainees/readout/readout-trainee.ts';
import { GradientSum } from '../trainer/gradient-sum.ts';
import type { LearntList } from '../trainer/list-runs.ts';
import { toTensorFeeds } from '../trainer/tensors.ts';
import type { TrainedTensors } from '../trainer/trainee.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import { gradientOf, trainingGraph } from '../training-graph.ts';

/** Sessions over one trainee; frees them with `close`. */
export class Learner {
  readonly #trainee: ReadoutTrainee;
  readonly #losses: Losses;
  readonly #training: GraphSession;
  readonly #logits: GraphSession;

  private constructor(
    trainee: ReadoutTrainee,
    losses: Losses,
    sessions: { readonly training: GraphSession; readonly logits: GraphSession },
  ) {
    this.#trainee = trainee;
    this.#losses = losses;
    this.#training = sessions.training;
    this.#logits = sessions.logits;
  }

  /** Opens the graphs. @param threads - Of one run. */
  static async open(trainee: ReadoutTrainee, losses: Losses, threads: number): Promise<Learner> {
    const { loss } = losses.values(trainee.logits);
    const outputs = trainingGraph({ loss, parameters: trainee.parameters });
    const options = { folder: '.', threads, prepack: true };
    // Loaded here, since the laboratory's other parts need no runtime.
    const { openSession } = await import('../../session/runtime.ts');
    const [training, logits] = await Promise.all([
      openSession(toOnnx(outputs), options),
      openSession(toOnnx({ logits: trainee.ownLogits }), options),
    ]);
    return new Learner(trainee, losses, { training, logits });
  }

  /** Loss and gradients, the mean over some lists. */
  async gradients(lists: readonly TrainingList[]): Promise<LearntList> {
    const names = [...this.#trainee.tensors.keys()];
    const sum = new GradientSum();
    for (const list of lists) {
      const answer = await this.#run(list, ['loss', ...names.map(gradientOf)]);
      const numbers = (name: string): Float32Array => answer[name]!.data as Float32Array;
      const gradients = new Map(names.map((name) => [name, numbers(gradientOf(name))]));
      sum.add({ loss: numbers('loss')[0]!, parts: {}, gradients });
    }
    return sum.mean();
  }

  /** Mean loss of some lists. */
  async loss(lists: readonly TrainingList[]): Promise<number> {
    let sum = 0;
    for (const list of lists) sum += Number((await this.#run(list, ['loss']))['loss']!.data[0]);
    return sum / Math.max(1, lists.length);
  }

  /** Logits of one list with some tensors, as the model would serve them. */
  async logits(list: TrainingList, tensors: TrainedTensors): Promise<Float32Array> {
    const feeds = { ...(await this.#trainee.feeds(list)), ...toTensorFeeds(tensors) };
    const { logits } = await this.#logits.run(only(this.#logits, feeds), ['logits']);
    return logits!.data as Float32Array;
  }

  /** Frees the sessions. */
  async close(): Promise<void> {
    await Promise.all([this.#training.release(), this.#logits.release()]);
  }

  async #run(list: TrainingList, outputs: readonly string[]): Promise<Record<string, TensorValue>> {
    const feeds = {
      ...(await this.#trainee.feeds(list)),
      ...this.#losses.toFeeds(list),
      ...toTensorFeeds(this.#trainee.tensors),
    };
    return this.#training.run(only(this.#training, feeds), outputs);
  }
}

/** The feeds that a graph has inputs for: what is not trained may not need all. */
function only(
  { inputs }: GraphSession,
  feeds: Readonly<Record<string, TensorValue>>,
): Record<string, TensorValue> {
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name)));
}
