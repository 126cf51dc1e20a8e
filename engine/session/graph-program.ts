/** What a worker runs for whoever has a whole graph and no program of its own: one graph, fed again and again. */
import type { TensorValue } from '../graph/tensor.ts';
import type { WorkerProgram } from './messages.ts';
import { openSession, type SessionOptions } from './runtime.ts';

/** Float32 numbers with a shape. */
type FloatTensor = Extract<TensorValue, { readonly type: 'float32' }>;

/** What the program opens. */
export interface GraphProgramData {
  /** The graph, as `toOnnx` writes it. */
  readonly model: Uint8Array;
  /** How it runs. */
  readonly session: SessionOptions;
}

/** One run of the graph. */
export interface GraphTask {
  /** Every input by name. Float32 numbers in shared memory are not copied on their way to the thread. */
  readonly feeds: Readonly<Record<string, TensorValue>>;
  /** Names of the outputs that come back. */
  readonly outputs: readonly string[];
  /** Tensors in shared memory that some float32 outputs are written to: these do not come back. @defaultValue none */
  readonly into?: Readonly<Record<string, FloatTensor>>;
}

/** Outputs by name. */
export type GraphAnswer = Readonly<Record<string, TensorValue>>;

/** Opens the graph in a worker. @throws InferenceError */
export async function open(data: unknown): Promise<WorkerProgram<GraphTask, GraphAnswer>> {
  const { model, session: options } = data as GraphProgramData;
  const session = await openSession(model, options);
  const memory = new OwnMemory();
  return {
    async run({ feeds, outputs, into = {} }) {
      const own = Object.fromEntries(
        Object.entries(into).map(([name, tensor]) => [name, memory.like(name, tensor)]),
      );
      const answer = await session.run(memory.copied(feeds), outputs, own);
      for (const [name, { data: shared }] of Object.entries(into)) shared.set(own[name]!.data);
      const rest = outputs.filter((name) => !into[name]);
      return Object.fromEntries(rest.map((name) => [name, answer[name]!]));
    },
    close: () => session.release(),
  };
}

/** This thread's memory for what lies in shared memory, of which the runtime reads and writes none: taken once for many runs. */
class OwnMemory {
  readonly #known = new Map<string, Float32Array>();

  /** A tensor of that form, with whatever numbers. */
  like(name: string, { type, shape, data: { length } }: FloatTensor): FloatTensor {
    const known = this.#known.get(name);
    const data = known?.length === length ? known : new Float32Array(length);
    this.#known.set(name, data);
    return { type, shape, data };
  }

  /** The feeds, copied where they lie in shared memory. */
  copied(feeds: GraphTask['feeds']): Record<string, TensorValue> {
    return Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => {
        if (feed.type !== 'float32' || !(feed.data.buffer instanceof SharedArrayBuffer)) return [name, feed];
        const own = this.like(name, feed);
        own.data.set(feed.data);
        return [name, own];
      }),
    );
  }
}
