/** Opens programs on worker threads: where a program runs is decided here, by what it computes on. */
import { deviceWorker } from './device-worker.ts';
import type { ProgramOptions } from './messages.ts';
import { type PooledProgram, WorkerPool } from './pool.ts';

/**
 * Opens a program on a pool that stays open when the program is closed, or on so many workers of its own, which end
 * with it. Resolves once every worker has it open.
 *
 * A program whose execution provider is a device's runs on that device's one worker whatever is asked for: two threads
 * that use WebGPU at once end the process, and two sessions on one card hold the weights twice.
 *
 * @throws InferenceError when one worker cannot open it. @throws TypeError when the pool is closed.
 */
export async function openProgram<Request, Response>(
  options: ProgramOptions,
  on: WorkerPool | number,
): Promise<PooledProgram<Request, Response>> {
  const device = deviceWorker(options.executionProvider);
  if (device) return device.open(options);
  if (typeof on !== 'number') return on.open(options);
  const own = new WorkerPool(on);
  try {
    const program = await own.open<Request, Response>(options);
    return {
      size: program.size,
      get isOpen() {
        return program.isOpen;
      },
      get idle() {
        return program.idle;
      },
      run: (request, task) => program.run(request, task),
      close: () => own.close(),
    };
  } catch (error) {
    await own.close();
    throw error;
  }
}
