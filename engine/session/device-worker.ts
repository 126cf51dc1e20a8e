/** The one worker thread of each device besides the processor, shared by everything in the process that uses the device. */
import { WorkerPool } from './pool.ts';
import type { ExecutionProvider } from './runtime.ts';

/** Execution providers that compute on a device of their own. */
const deviceProviders: readonly string[] = ['webgpu', 'cuda'] satisfies readonly ExecutionProvider[];

const workers = new Map<string, WorkerPool>();

/**
 * The worker of a device; undefined for the processor, which any number of threads may use. It starts with the first
 * program that is opened on it and stays until the process ends, which it does not keep alive: a thread that takes
 * over from another one must not find that one at work on the device still.
 *
 * @param executionProvider - ONNX Runtime's name of what computes.
 */
export function deviceWorker(executionProvider: string): WorkerPool | undefined {
  if (!deviceProviders.includes(executionProvider)) return undefined;
  const worker = workers.get(executionProvider) ?? new WorkerPool(1);
  workers.set(executionProvider, worker);
  return worker;
}
