/** Which device computes. */
import { toOnnx } from '../graph/onnx.ts';
import { matmul } from '../graph/operations/index.ts';
import { input } from '../graph/value.ts';
import { type ExecutionProvider, openSession } from './runtime.ts';

/** Where a model runs: on the device that is named, or with `auto` on the first of cuda, webgpu and cpu that opens. */
export type Device = 'auto' | ExecutionProvider;

/** Every {@link Device}. */
export const devices: readonly Device[] = ['auto', 'cpu', 'webgpu', 'cuda'];

/** What `auto` tries, in this order. */
const preference: readonly ExecutionProvider[] = ['cuda', 'webgpu', 'cpu'];

/**
 * Opens a device with a product of two numbers.
 *
 * @throws InferenceError when a device that was asked for by name cannot be opened, saying what it needs.
 */
export async function chooseProvider(device: Device): Promise<ExecutionProvider> {
  if (device === 'cpu') return device;
  if (device !== 'auto') {
    await probe(device);
    return device;
  }
  for (const provider of preference) {
    const isThere = await probe(provider).then(
      () => true,
      () => false, // the next one is tried: that is what `auto` asks for
    );
    if (isThere) return provider;
  }
  return 'cpu';
}

async function probe(provider: ExecutionProvider): Promise<void> {
  const product = matmul(input('a', 'float32', [1, 1]), input('b', 'float32', [1, 1]));
  const graph = toOnnx({ product });
  const session = await openSession(graph, { folder: '.', threads: 1, prepack: false, provider });
  await session.release();
}
