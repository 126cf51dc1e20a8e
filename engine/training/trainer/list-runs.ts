/** Runs lists through a trainee's graphs: one for learning, one for logits alone. */
import type { AxisLengths } from '../../graph/live-bytes.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';
import type { GraphAnswer, GraphTask } from '../../session/graph-program.ts';
import { openGraph } from '../../session/open-graph.ts';
import type { PooledProgram } from '../../session/pool.ts';
import type { ExecutionProvider } from '../../session/runtime.ts';
import { sharedFloats } from '../../session/shared-floats.ts';
import type { Losses } from '../losses/create-losses.ts';
import type { Gradients } from '../optimisers/clipping.ts';
import { gradientOf, trainingGraph } from '../training-graph.ts';
import { axisLengths, feedsOf, graphInputs } from './graph-inputs.ts';
import { toTensorFeeds } from './tensors.ts';
import type { TrainedTensors, Trainee } from './trainee.ts';
import type { TrainingList } from './training-list.ts';
import { TrainingMemory } from './training-memory.ts';

/** Where lists are run. */
export interface RunPlaces {
  /** What computes. @defaultValue `'cpu'` */
  readonly provider?: ExecutionProvider | undefined;
  /** Lists run at once, each in a worker of its own. A device has one. @defaultValue 1 */
  readonly workers?: number | undefined;
  /** Threads of one run. Another number may change last bits. @defaultValue 1 */
  readonly threads?: number | undefined;
  /** See `TrainingMemoryOptions`. @defaultValue 0 */
  readonly residentBytes?: number | undefined;
  /** Bytes that a step may take. @defaultValue see `TrainingMemoryOptions` */
  readonly memoryLimitBytes?: number | undefined;
}

/** What one list says. */
export interface LearntList {
  /** The loss. */
  readonly loss: number;
  /** Its parts by name. */
  readonly parts: Readonly<Record<string, number>>;
  /** Its tokens, without padding. */
  readonly tokens: number;
  /** A gradient a trained tensor, row-major. */
  readonly gradients: Gradients;
}

const partOf = (name: string): string => `part.${name}`;

/** A graph that is open, with what it reads and takes. */
interface OpenGraph {
  readonly program: PooledProgram<GraphTask, GraphAnswer>;
  readonly outputs: readonly string[];
  readonly inputs: ReadonlyMap<string, Value>;
  readonly memory: TrainingMemory;
  readonly axes: Trainee['axes'];
}

/** What {@link ListRuns} runs. */
export interface ListRunsParts {
  /** What is trained. */
  readonly trainee: Trainee;
  /** What is made smaller. */
  readonly losses: Losses;
  /** What `logits` gives, float32 `['documents']`. @defaultValue the trainee's logits */
  readonly served?: Value;
}

/** Open graphs of one trainee. */
export class ListRuns {
  readonly #trainee: Trainee;
  readonly #losses: Losses;
  readonly #served: Value;
  readonly #places: RunPlaces;
  readonly #learning: OpenGraph;
  #scoring: Promise<OpenGraph> | undefined;
  /** Memory of gradients that nobody reads any more. */
  readonly #spare: Gradients[] = [];

  private constructor(
    { trainee, losses, served = trainee.logits }: ListRunsParts,
    places: RunPlaces,
    learning: OpenGraph,
  ) {
    this.#trainee = trainee;
    this.#losses = losses;
    this.#served = served;
    this.#places = places;
    this.#learning = learning;
  }

  /** Opens the graph for learning; the one for logits is opened when it is first asked. @throws InferenceError */
  static async open(parts: ListRunsParts, places: RunPlaces): Promise<ListRuns> {
    const { logits, ownLosses = {}, parameters, kept = [] } = parts.trainee;
    const { loss, parts: byName } = parts.losses.values(logits, ownLosses);
    const others = Object.fromEntries(Object.entries(byName).map(([name, value]) => [partOf(name), value]));
    const graph = trainingGraph({ loss, others, parameters, kept });
    return new ListRuns(parts, places, await open(graph, places, parts.trainee));
  }

  /** Most bytes that a list needed so far. */
  get mostBytes(): number {
    return this.#learning.memory.mostBytes;
  }

  /** How many lists are run at once. */
  get size(): number {
    return this.#learning.program.size;
  }

  /** @throws MemoryLimitError when a list would not fit, before anything is run. */
  async assertFits(list: TrainingList): Promise<void> {
    const { inputs, memory } = this.#learning;
    const feeds = feedsOf(inputs, await this.#feeds(list, this.#trainee.tensors, true));
    memory.assertFits(nameOf(list), feeds, lengthsOf(this.#learning, feeds));
  }

  /** Loss and gradients of a list. @throws MemoryLimitError @throws InferenceError */
  async learn(list: TrainingList): Promise<LearntList> {
    const { tensors } = this.#trainee;
    const feeds = await this.#feeds(list, tensors, true);
    const gradients =
      this.#spare.pop() ??
      new Map([...tensors].map(([name, { data }]) => [name, sharedFloats(data.length)] as const));
    const into = Object.fromEntries(
      [...gradients].map(([name, data]) => [
        gradientOf(name),
        { type: 'float32', shape: tensors.get(name)!.shape, data } as const,
      ]),
    );
    const answer = await run(this.#learning, list, feeds, { into });
    const numberOf = (name: string): number => (answer[name]!.data as Float32Array)[0]!;
    const parts = this.#learning.outputs.filter((name) => name.startsWith(partOf('')));
    return {
      loss: numberOf('loss'),
      parts: Object.fromEntries(parts.map((name) => [name.slice(partOf('').length), numberOf(name)])),
      tokens: this.#trainee.tokens(feeds),
      gradients,
    };
  }

  /** Takes back gradients that {@link learn} gave, once nobody reads them: later ones are written over them. */
  takeBack(gradients: Gradients): void {
    this.#spare.push(gradients);
  }

  /** Loss of a list. @throws MemoryLimitError @throws InferenceError */
  async loss(list: TrainingList): Promise<number> {
    const feeds = await this.#feeds(list, this.#trainee.tensors, true);
    return (
      (await run(this.#learning, list, feeds, { outputs: ['loss'] }))['loss']!.data as Float32Array
    )[0]!;
  }

  /** Logits of a list, in its order. @param tensors - Trained tensors to use. @defaultValue the trainee's */
  async logits(list: TrainingList, tensors: TrainedTensors = this.#trainee.tensors): Promise<Float32Array> {
    this.#scoring ??= open({ logits: this.#served }, this.#places, this.#trainee);
    const answer = await run(await this.#scoring, list, await this.#feeds(list, tensors, false));
    return answer['logits']!.data as Float32Array;
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    const scoring = await this.#scoring?.catch(() => undefined);
    await Promise.all([this.#learning, scoring].map((graph) => graph?.program.close()));
  }

  async #feeds(
    list: TrainingList,
    tensors: TrainedTensors,
    isLearning: boolean,
  ): Promise<Record<string, TensorValue>> {
    return {
      ...(await this.#trainee.feeds(list)),
      ...(isLearning ? this.#losses.toFeeds(list) : {}),
      ...toTensorFeeds(tensors),
    };
  }
}

async function open(
  graph: Readonly<Record<string, Value>>,
  { memoryLimitBytes: limitBytes, residentBytes, provider = 'cpu', workers = 1, threads = 1 }: RunPlaces,
  { folder, axes }: Trainee,
): Promise<OpenGraph> {
  const values = Object.values(graph);
  // Counted before weights are loaded, which it counts too.
  const atOnce = provider === 'cpu' ? workers : 1;
  const memory = await TrainingMemory.of(values, { provider, workers: atOnce, residentBytes, limitBytes });
  const program = await openGraph(graph, { ...(folder && { folder }), provider, workers, threads });
  return { program, outputs: Object.keys(graph), inputs: graphInputs(values), memory, axes };
}

async function run(
  graph: OpenGraph,
  list: TrainingList,
  all: Readonly<Record<string, TensorValue>>,
  { outputs = graph.outputs, into }: Partial<Pick<GraphTask, 'outputs' | 'into'>> = {},
): Promise<GraphAnswer> {
  const { program, inputs, memory } = graph;
  const feeds = feedsOf(inputs, all);
  memory.assertFits(nameOf(list), feeds, lengthsOf(graph, feeds));
  return program.run({ feeds, outputs, ...(into && { into }) });
}

const nameOf = ({ set, queryId, documents }: TrainingList): string =>
  `query "${queryId}" of "${set}" with ${documents.length} documents`;

const lengthsOf = (
  { inputs, axes }: OpenGraph,
  feeds: Readonly<Record<string, TensorValue>>,
): AxisLengths => ({
  ...axes?.(feeds),
  ...axisLengths(inputs, feeds),
});
