/** Measures the heap without garbage. */
import { collectGarbage as collectOnce } from '../../../engine/training/trainees/readout/collect-garbage.ts';

/** Runs the garbage collector, twice: what the first run finalises the second one frees. */
export function collectGarbage(): void {
  collectOnce();
  collectOnce();
}

/** Bytes in use, buffers included, after a collection of garbage. */
export function heapAfterCollection(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
