/** What a worker runs for whoever has a whole graph and no program of its own: one graph, fed again and again. */
import type { TensorValue } from '../graph/tensor.ts';
import type { WorkerProgram } from './messages.ts';
import { openSession, type SessionOptions } from './runtime.ts';

/** What the program opens. */
export interface GraphProgramData {
  /** The graph, as `toOnnx` writes it. */
  readonly model: Uint8Array;
  /** How it runs. */
  readonly session: SessionOptions;
}

/** One run of the graph. */
export interface GraphTask {
  /** Every input by name. */
  readonly feeds: Readonly<Record<string, TensorValue>>;
  /** Names of the outputs that come back. */
  readonly outputs: readonly string[];
}

/** Outputs by name. */
export type GraphAnswer = Readonly<Record<string, TensorValue>>;

/** Opens the graph in a worker. @throws InferenceError */
export async function open(data: unknown): Promise<WorkerProgram<GraphTask, GraphAnswer>> {
  const { model, session: options } = data as GraphProgramData;
  const session = await openSession(model, options);
  return {
    run: ({ feeds, outputs }) => session.run(feeds, outputs),
    close: () => session.release(),
  };
}
