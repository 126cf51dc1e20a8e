/** Which device computes. */
import { InferenceError } from '../errors.ts';
import type { DeviceAnswer, DeviceQuestion } from './device-program.ts';
import { openProgram } from './open-program.ts';
import type { PooledProgram } from './pool.ts';
import type { ExecutionProvider } from './runtime.ts';

/** Where a model runs: on the device that is named, or with `auto` on the first of cuda, webgpu and cpu that opens. */
export type Device = 'auto' | ExecutionProvider;

/** Every {@link Device}. */
export const devices: readonly Device[] = ['auto', 'cpu', 'webgpu', 'cuda'];

/** What `auto` tries, in this order. */
const preference: readonly ExecutionProvider[] = ['cuda', 'webgpu', 'cpu'];

/** Programs that answer for a device, by its provider. They stay open: a device's worker that has one open is never replaced. */
const asked = new Map<ExecutionProvider, Promise<PooledProgram<DeviceQuestion, DeviceAnswer>>>();

/**
 * Opens a device with a product of two numbers.
 *
 * @throws InferenceError when a device that was asked for by name cannot be opened, saying what it needs.
 */
export async function chooseProvider(device: Device): Promise<ExecutionProvider> {
  if (device === 'cpu') return device;
  if (device !== 'auto') {
    const answer = await askDevice(device, { kind: 'opens' });
    if (!answer.isAble) throw new InferenceError(answer.reason, { executionProvider: device });
    return device;
  }
  for (const provider of preference) {
    // One that does not open is passed over: that is what `auto` asks for.
    if (provider === 'cpu' || (await askDevice(provider, { kind: 'opens' })).isAble) return provider;
  }
  return 'cpu';
}

/** Whether a device multiplies in half precision. The processor does, by way of float32. */
export async function hasHalfPrecision(provider: ExecutionProvider): Promise<boolean> {
  return provider === 'cpu' || (await askDevice(provider, { kind: 'half' })).isAble;
}

/**
 * Asks a device on its own worker thread, the only one that may use it; the processor on a thread of its own.
 *
 * @throws InferenceError when the thread dies twice under the question.
 */
export async function askDevice(
  provider: ExecutionProvider,
  question: DeviceQuestion,
): Promise<DeviceAnswer> {
  const known = asked.get(provider) ?? openQuestions(provider);
  asked.set(provider, known);
  return (await known).run(question);
}

function openQuestions(provider: ExecutionProvider): Promise<PooledProgram<DeviceQuestion, DeviceAnswer>> {
  const file = import.meta.url.endsWith('.ts') ? './device-program.ts' : './device-program.js';
  return openProgram(
    { program: new URL(file, import.meta.url), data: provider, executionProvider: provider },
    1,
  );
}
