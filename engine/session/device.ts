/** Which device computes. */
import { InferenceError } from '../errors.ts';
import { mayHaveCard } from './device-files.ts';
import type { DeviceAnswer, DeviceQuestion } from './device-program.ts';
import { openProgram } from './open-program.ts';
import type { PooledProgram } from './pool.ts';
import { programModule } from './program-module.ts';
import type { ExecutionProvider } from './runtime.ts';

/**
 * Where a model runs: on the device that is named, or with `auto` on the first of cuda, webgpu and cpu that opens and
 * that nothing is known against.
 */
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
    if (provider === 'cpu' || (await suits(provider))) return provider;
  }
  return 'cpu';
}

async function suits(provider: ExecutionProvider): Promise<boolean> {
  if (provider === 'webgpu' && !mayHaveCard()) return false; // without opening it
  const { isAble } = await askDevice(provider, { kind: 'opens' });
  return isAble && (await objectionTo(provider)) === undefined;
}

/**
 * Why `auto` does not take a device that opens; undefined where it does. WebGPU opens on drivers that compute on the
 * processor, too (lavapipe, SwiftShader, Windows' basic one), many times slower than the processor itself: 3 GFLOP/s
 * beside 202 (lavapipe, two cores). Nothing that Node can ask names the adapter, so its speed is compared.
 *
 * @param gigaflops - Of the device in float32. @defaultValue measured now, which takes a second or two
 */
export async function objectionTo(
  provider: ExecutionProvider,
  gigaflops?: number,
): Promise<string | undefined> {
  if (provider !== 'webgpu') return undefined;
  if (!mayHaveCard()) return withoutCard;
  const own = gigaflops ?? (await speedOf(provider, 'float32'));
  return slowness(own, await speedOf('cpu', 'float32'));
}

const withoutCard =
  'device "auto" takes the processor: there is no graphics card (no /dev/dri/renderD*, /dev/nvidia* or /dev/dxg), so this device computes in software';

/** Why a device is no gain over the processor, by the speed of both; undefined where it is one. */
export function slowness(own = 0, processor = 0): string | undefined {
  if (own > processor) return undefined;
  const speeds = `${Math.round(own)} GFLOP/s in float32 and the processor ${Math.round(processor)}`;
  return `device "auto" takes the processor: this device computes ${speeds}, as a driver does that computes in software`;
}

/** 10^9 additions and multiplications a second of one matrix product; undefined where the device cannot. */
export async function speedOf(
  provider: ExecutionProvider,
  type: 'float32' | 'float16',
): Promise<number | undefined> {
  const answer = await askDevice(provider, { kind: 'speed', type });
  return answer.isAble ? answer.gigaflops : undefined;
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
  const program = programModule('device-program', import.meta.url);
  return openProgram({ program, data: provider, executionProvider: provider }, 1);
}
