/** How much of a card's memory a list takes, known before it is run. */
import type { ExecutionProvider } from '../../session/runtime.ts';

const mebibyte = 2 ** 20;
/** ONNX Runtime's arena grows by regions twice as large each time, up to this size. */
const largestRegion = 1024;

/**
 * Bytes that the arena takes from the card, by bytes of intermediate results. Its regions double from 1 MiB to 1 GiB, and
 * results that lie in different ones leave holes between them: 2.45 times the results fit all of 0.15 to 2.75 GB of them
 * (counted on a made-up card, Mistral-7B's shape, 12 to 250 documents: what was taken is what is said here but for 1 %).
 */
export function arenaBytes(workingBytes: number): number {
  const needed = (2.45 * workingBytes) / mebibyte;
  let region = 1;
  let taken = 0;
  while (taken < needed) {
    taken += region;
    region = Math.min(2 * region, largestRegion);
  }
  return taken * mebibyte;
}

/** What a card holds during a run. */
export interface DeviceRun {
  /** Bytes of the weights that one session reads, as the device computes them. */
  readonly weightBytes: number;
  /** Sessions that are open side by side, each with weights of its own. */
  readonly sessions: number;
  /** Bytes of intermediate results. */
  readonly workingBytes: number;
}

/** Bytes of the device's memory; 0 on a processor, whose memory is the host's. WebGPU's buffers are counted as CUDA's arena. */
export function deviceBytes(
  provider: ExecutionProvider,
  { weightBytes, sessions, workingBytes }: DeviceRun,
): number {
  return provider === 'cpu' ? 0 : sessions * weightBytes + arenaBytes(workingBytes);
}
