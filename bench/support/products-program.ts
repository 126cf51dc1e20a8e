/**
 * The encoder's matrix products and nothing else, for a worker pool: what its arithmetic alone costs.
 * Attention reads the same input in every layer, so that values neither grow nor vanish on the way.
 */
import { toOnnx } from '../../engine/graph/onnx.ts';
import * as g from '../../engine/graph/operations/index.ts';
import { constant, input, type Value } from '../../engine/graph/value.ts';
import type { EncoderConfig } from '../../engine/network/encoder-config.ts';
import type { WorkerProgram } from '../../engine/session/messages.ts';
import { type ExecutionProvider, openSession } from '../../engine/session/runtime.ts';

/** The shape of one batch: blocks, and tokens of the longest. */
export interface ProductsTask {
  readonly blocks: number;
  readonly tokens: number;
}

/** What the program is opened with. */
export interface ProductsData {
  readonly config: EncoderConfig;
  readonly provider: ExecutionProvider;
}

/** Opens the program in this thread. */
export async function open(data: unknown): Promise<WorkerProgram<ProductsTask, null>> {
  const { config, provider } = data as ProductsData;
  const session = await openSession(productsGraph(config), {
    folder: '.',
    threads: 1,
    prepack: true,
    provider,
  });
  const { width: W, heads: H } = config;
  return {
    async run({ blocks: B, tokens: L }) {
      const shape = (...axes: readonly number[]) =>
        ({ type: 'int64', shape: [4], data: BigInt64Array.from(axes, BigInt) }) as const;
      const x = { type: 'float32', shape: [B * L, W], data: randomValues(B * L * W, 1) } as const;
      await session.run({ x, perHead: shape(B, H, L, W / H), perHeadTurned: shape(B, H, W / H, L) }, ['y']);
      return null;
    },
    close: () => session.release(),
  };
}

function productsGraph({ width: W, heads: H, innerWidth: F, layers }: EncoderConfig): Uint8Array {
  const x = input('x', 'float32', ['T', W]);
  const [perHead, perHeadTurned] = [input('perHead', 'int64', [4]), input('perHeadTurned', 'int64', [4])];
  const D = W / H;
  let y: Value = x;
  for (let layer = 0; layer < layers; layer += 1) {
    const query = g.reshapeTo(g.linear(x, weights(W, W, 0.02)), ['B', H, 'L', D], perHead);
    const key = g.reshapeTo(g.linear(x, weights(W, W)), ['B', H, D, 'L'], perHeadTurned);
    const value = g.reshapeTo(g.linear(y, weights(W, W)), ['B', H, 'L', D], perHead);
    const context = g.reshape(g.matmul(g.matmul(query, key), value), ['T', W], [-1, W]);
    y = g.linear(g.linear(g.linear(context, weights(W, W)), weights(F, W)), weights(W, F));
  }
  return toOnnx({ y });
}

/** Uniform with variance `scale / inputs`: a product keeps the size of its input. */
function weights(outputs: number, inputs: number, scale = 1): Value {
  return constant(randomValues(outputs * inputs, Math.sqrt((3 * scale) / inputs)), [outputs, inputs]);
}

function randomValues(count: number, limit: number): Float32Array {
  return Float32Array.from({ length: count }, () => limit * (2 * Math.random() - 1));
}
