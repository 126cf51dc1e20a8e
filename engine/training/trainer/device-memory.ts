/** A device, or the process, that runs out of memory while it computes. */
import { InferenceError, TrainingError } from '../../errors.ts';

/** What runtimes say when memory ends: ONNX Runtime's arenas, CUDA and its libraries, Vulkan, C++. */
const memoryWords = /out.of.(device.)?memory|failed to allocate|bad.alloc|alloc_failed/i;

/** Whether an error of the runtime tells of memory. */
export const isOutOfMemory = (error: unknown): error is InferenceError =>
  error instanceof InferenceError && memoryWords.test(error.message);

/** The error of a training whose step found no memory. @param step - 1-based. */
export function outOfMemory(
  cause: InferenceError,
  step: number,
  checkpointStep: number | undefined,
): TrainingError {
  const kept =
    checkpointStep === undefined
      ? 'there is no checkpoint yet'
      : `the checkpoint of step ${checkpointStep} stays`;
  return new TrainingError(
    `The device (${cause.executionProvider}) has no memory left at step ${step}; ${kept}. Take fewer documents a list, fewer workers, or train fewer layers. It said: ${cause.message}`,
    { fault: 'device-memory', step, checkpointStep },
    { cause },
  );
}
