/** Whether a device computes in half precision: software devices of WebGPU, and old cards, do not. */
import { toOnnx } from '../../../engine/graph/onnx.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { input } from '../../../engine/graph/value.ts';
import { openSession } from '../../../engine/session/runtime.ts';
import type { Part } from '../part.ts';

/** A product of two numbers. A device that does not open at all is left to the parts, which say why. */
export const half: Part<'half'> = async ({ device }, say) => {
  const number = g.cast(input('x', 'float32', [1, 1]), 'float16');
  const graph = toOnnx({ y: g.cast(g.matmul(number, number), 'float32') });
  const session = await openSession(graph, { folder: '.', threads: 1, prepack: false, provider: device });
  const x = { type: 'float32', shape: [1, 1], data: Float32Array.of(1) } as const;
  const isThere = await session.run({ x }, ['y']).then(
    () => true,
    () => false, // the kernel was refused
  );
  say({ isThere });
  await session.release();
};
