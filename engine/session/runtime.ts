/** The only module that knows ONNX Runtime. */
import * as ort from 'onnxruntime-node';
import { InferenceError } from '../errors.ts';
import type { TensorValue } from '../graph/tensor.ts';

/** How a session runs. */
export interface SessionOptions {
  /** Folder that tensors in files are relative to. */
  readonly folder: string;
  /** Threads of one run. */
  readonly threads: number;
  /** Whether weights are copied into the layout that multiplies fastest; without, sessions share mapped pages. */
  readonly prepack: boolean;
}

/** A loaded graph. */
export interface GraphSession {
  /** Computes the named outputs. @throws InferenceError */
  run(
    feeds: Readonly<Record<string, TensorValue>>,
    outputs: readonly string[],
  ): Promise<Record<string, TensorValue>>;
  /** Frees it. */
  release(): Promise<void>;
}

/** ONNX Runtime's name of what runs. */
export const executionProvider = 'cpu';

/** Loads a graph. @throws InferenceError when the runtime refuses it. */
export async function openSession(model: Uint8Array, options: SessionOptions): Promise<GraphSession> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [executionProvider],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
    extra: {
      session: {
        model_external_initializers_file_folder_path: options.folder,
        disable_prepacking: options.prepack ? '0' : '1',
        // A waiting thread that spins takes the processor from the other workers.
        intra_op: { allow_spinning: '0' },
      },
    },
  }).catch((cause: unknown) => {
    throw failed('load the graph', cause);
  });
  return {
    async run(feeds, outputs) {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, { type, data, shape }]) => [
          name,
          new ort.Tensor(type, data as never, shape),
        ]),
      );
      try {
        const answer = await session.run(tensors, [...outputs]);
        return Object.fromEntries(outputs.map((name) => [name, toTensorValue(answer[name]!)]));
      } catch (cause) {
        throw failed('run the graph', cause);
      }
    },
    release: () => session.release(),
  };
}

function toTensorValue({ type, dims, data }: ort.Tensor): TensorValue {
  return { type, shape: dims, data } as TensorValue;
}

function failed(what: string, cause: unknown): InferenceError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new InferenceError(
    `ONNX Runtime could not ${what} on ${executionProvider}: ${message}`,
    { executionProvider },
    { cause },
  );
}
