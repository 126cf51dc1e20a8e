/** What a device's worker runs to tell what the device can do: whether it opens, computes in half precision, and how fast. */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { InferenceError } from '../errors.ts';
import { toOnnx } from '../graph/onnx.ts';
import { cast, matmul, sumLast } from '../graph/operations/index.ts';
import { input } from '../graph/value.ts';
import { lackOfProvider } from './cuda-libraries.ts';
import type { WorkerProgram } from './messages.ts';
import { type ExecutionProvider, type GraphSession, openSession } from './runtime.ts';

/** What a device is asked. */
export type DeviceQuestion =
  /** Whether it opens: a product is loaded. */
  | { readonly kind: 'opens' }
  /** Whether it multiplies in half precision: such a product is run. */
  | { readonly kind: 'half' }
  /** How fast it multiplies square matrices. */
  | { readonly kind: 'speed'; readonly type: 'float32' | 'float16' };

/** What a device answers. */
export type DeviceAnswer =
  | {
      readonly isAble: true;
      /** 10^9 additions and multiplications a second of one matrix product; of `speed` alone. */
      readonly gigaflops?: number;
    }
  | {
      readonly isAble: false;
      /** Why not. */
      readonly reason: string;
    };

/** The program of one device; it never fails to open, so that the device's worker stays the same thread. */
export async function open(data: unknown): Promise<WorkerProgram<DeviceQuestion, DeviceAnswer>> {
  const provider = data as ExecutionProvider;
  return {
    run: (question) => answer(question, provider),
    close: async () => {},
  };
}

async function answer(question: DeviceQuestion, provider: ExecutionProvider): Promise<DeviceAnswer> {
  try {
    switch (question.kind) {
      case 'opens':
        assertProvider(provider);
        await withProducts({ type: 'float32', products: 1, provider }, async () => {});
        return { isAble: true };
      case 'half':
        await withProducts({ type: 'float16', products: 1, provider }, (session) => multiply(session, 1));
        return { isAble: true };
      case 'speed':
        return { isAble: true, gigaflops: await speed(question.type, provider) };
      default:
        throw new TypeError(`answer: unknown question ${JSON.stringify(question satisfies never)}.`);
    }
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    return { isAble: false, reason: error.message };
  }
}

/** ONNX Runtime is not asked for what cannot be: it would write to the console of whoever asks for `auto`. */
function assertProvider(executionProvider: ExecutionProvider): void {
  const lack = executionProvider === 'cuda' ? lackOfProvider() : undefined;
  if (lack !== undefined) throw new InferenceError(`Cannot open cuda: ${lack}.`, { executionProvider });
}

interface Products {
  readonly type: 'float32' | 'float16';
  /** How many products follow each other, each with the one before. */
  readonly products: number;
  readonly provider: ExecutionProvider;
}

/** Loads a chain of products of one matrix, of which only sums of rows come back. */
async function withProducts<T>(
  { type, products, provider }: Products,
  use: (session: GraphSession) => Promise<T>,
): Promise<T> {
  const matrix = cast(input('matrix', 'float32', ['N', 'N']), type);
  let product = matrix;
  for (let count = 0; count < products; count += 1) product = matmul(matrix, product);
  const sums = sumLast(cast(product, 'float32'));
  const threads = provider === 'cpu' ? availableParallelism() : 1;
  const session = await openSession(toOnnx({ sums }), { folder: '.', threads, prepack: false, provider });
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}

async function multiply(session: GraphSession, size: number): Promise<void> {
  // The product of two such matrices is such a matrix again, however many follow each other.
  const data = new Float32Array(size * size).fill(1 / size);
  await session.run({ matrix: { type: 'float32', shape: [size, size], data } }, ['sums']);
}

/** Runs timed after one that is not: kernels are chosen and memory is taken in the first. */
const timedRuns = 3;
/** Products of the long chain; the short one has one. */
const longChain = 33;
/** Rows and columns of the matrices: the next size is tried while a chain takes less than {@link enoughMs}. */
const sizes = [256, 1024, 4096];
const enoughMs = 5;

/** The difference of a long chain and a short one is products alone: what goes there and back is in both. */
async function speed(type: Products['type'], provider: ExecutionProvider): Promise<number> {
  const fastest = (products: number, size: number): Promise<number> =>
    withProducts({ type, products, provider }, (session) => fastestMs(() => multiply(session, size)));
  let gigaflops = 0;
  for (const size of sizes) {
    const [long, short] = [await fastest(longChain, size), await fastest(1, size)];
    gigaflops = ((longChain - 1) * 2 * size ** 3) / Math.max(long - short, 1e-3) / 1e6;
    if (long >= enoughMs) break;
  }
  return gigaflops;
}

/** The fastest of some runs: what else the machine does only ever makes one slower. */
async function fastestMs(run: () => Promise<void>): Promise<number> {
  await run();
  let best = Number.POSITIVE_INFINITY;
  for (let count = 0; count < timedRuns; count += 1) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
