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
  /**
   * Whether signed 8-bit weights are multiplied as they are, which is fast, and right where `areIntegerProductsExact`. Else the
   * runtime makes them unsigned where it finds no VNNI. @defaultValue false
   */
  readonly keepsSignedIntegers?: boolean;
  /** What computes. @defaultValue `'cpu'` */
  readonly provider?: ExecutionProvider;
}

/** A loaded graph. */
export interface GraphSession {
  /** Names of what it is fed. */
  readonly inputs: ReadonlySet<string>;
  /** Names of what it computes. */
  readonly outputs: ReadonlySet<string>;
  /**
   * Computes the named outputs. The runtime reads and writes no shared memory.
   *
   * @param into - Those of them that are written where the given tensors lie, which have their types and shapes, and are what
   * comes back. @defaultValue none
   * @throws InferenceError
   */
  run(
    feeds: Readonly<Record<string, TensorValue>>,
    outputs: readonly string[],
    into?: Readonly<Record<string, TensorValue>>,
  ): Promise<Record<string, TensorValue>>;
  /** Frees it. */
  release(): Promise<void>;
}

/** ONNX Runtime's name of what runs. */
export type ExecutionProvider = 'cpu' | 'webgpu' | 'cuda';

/** Loads a graph. @throws InferenceError when the runtime refuses it, or when a GPU would leave part of it to the processor. */
export async function openSession(model: Uint8Array, options: SessionOptions): Promise<GraphSession> {
  const { provider = 'cpu' } = options;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // An arena keeps what it once took, in blocks twice as large each time: several times a layer's float32 weights.
    enableCpuMemArena: options.prepack,
    enableMemPattern: options.prepack,
    logSeverityLevel: 3,
    extra: {
      session: {
        model_external_initializers_file_folder_path: options.folder,
        disable_prepacking: options.prepack ? '0' : '1',
        x64quantprecision: options.keepsSignedIntegers ? '0' : '1',
        disable_cpu_ep_fallback: provider === 'cpu' ? '0' : '1',
        // Weights in the card's arena would make it grow in powers of two: 6.5 GB taken for 3.5 loaded.
        ...(provider === 'cuda' ? { use_device_allocator_for_initializers: '1' } : {}),
        // A waiting thread that spins takes the processor from the other workers.
        intra_op: { allow_spinning: '0' },
      },
      // On a processor, folding a cast would copy half-precision weights to float32 in memory; unfolded, it reads the
      // mapped file. A card holds a copy anyway: folded, weights in another type are cast once and not in every run, and
      // WebGPU, which knows no bfloat16, never meets any.
      ...(options.prepack || provider !== 'cpu'
        ? {}
        : { optimization: { disable_specified_optimizers: 'ConstantFolding' } }),
    },
  }).catch((cause: unknown) => {
    throw failed('load the graph', provider, cause);
  });
  return {
    inputs: new Set(session.inputNames),
    outputs: new Set(session.outputNames),
    async run(feeds, outputs, into = {}) {
      const fetches = outputs.map((name) => [name, into[name] ? toOrtTensor(into[name]) : null]);
      try {
        const answer = await session.run(
          Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toOrtTensor(value)])),
          Object.fromEntries(fetches),
        );
        return Object.fromEntries(outputs.map((name) => [name, into[name] ?? toTensorValue(answer[name]!)]));
      } catch (cause) {
        throw failed('run the graph', provider, cause);
      }
    },
    release: () => session.release(),
  };
}

const toOrtTensor = ({ type, data, shape }: TensorValue): ort.Tensor =>
  new ort.Tensor(type, data as never, shape);

function toTensorValue({ type, dims, data }: ort.Tensor): TensorValue {
  if (type !== 'float16') return { type, shape: dims, data } as TensorValue;
  // Where the language has an array of halves, the runtime gives one; what is read here are their bits.
  const { buffer, byteOffset, length } = data as Uint16Array;
  return { type, shape: dims, data: new Uint16Array(buffer, byteOffset, length) };
}

/** What to do when a provider is not there. */
const advice: Readonly<Record<ExecutionProvider, string>> = {
  cpu: '',
  webgpu: ' It needs a GPU with a Vulkan driver (Linux), Direct3D 12 (Windows) or Metal (macOS).',
  cuda: ' Install onnxruntime-node on Linux x64 without ONNXRUNTIME_NODE_INSTALL=skip, and CUDA 12 and cuDNN 9 on LD_LIBRARY_PATH; for CUDA 13 run `blockrank cuda`; or use the device "webgpu", which needs the driver alone.',
};

function failed(what: string, executionProvider: ExecutionProvider, cause: unknown): InferenceError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new InferenceError(
    `ONNX Runtime could not ${what} on ${executionProvider}: ${message}${what === 'load the graph' ? advice[executionProvider] : ''}`,
    { executionProvider },
    { cause },
  );
}
