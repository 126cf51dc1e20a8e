/** Whether this processor multiplies unsigned by signed 8-bit integers exactly. */
import { toOnnx } from '../graph/onnx.ts';
import { cast } from '../graph/operations/elementwise.ts';
import { matmulIntegerToFloat } from '../graph/operations/quantised.ts';
import { constant, input } from '../graph/value.ts';
import { openSession } from './runtime.ts';

/** Rows of a product: the runtime has one kernel for a row and one for many. */
const rowCounts = [1, 8];
const depth = 64;
const columns = 32;

let known: Promise<boolean> | undefined;

/**
 * Multiplies the largest integers that there are, and looks at the result: AVX2 and AVX-512 without VNNI sum pairs of products
 * in 16 bits, which saturate. The runtime's own question for VNNI does not know every processor that has it.
 *
 * Asked once a thread, in some milliseconds. @throws InferenceError
 */
export function areIntegerProductsExact(): Promise<boolean> {
  known ??= probe();
  return known;
}

async function probe(): Promise<boolean> {
  const factor = cast(input('factor', 'int32', ['rows', depth]), 'uint8');
  const weights = constant(new Int8Array(depth * columns).fill(127), [depth, columns]);
  const scales = constant(new Float32Array(columns).fill(1), [columns]);
  const zero = constant(Uint8Array.of(0), []);
  const product = matmulIntegerToFloat(factor, weights, scales, zero);
  const options = { folder: '.', threads: 1, prepack: true, keepsSignedIntegers: true };
  const session = await openSession(toOnnx({ product }), options);
  try {
    for (const rows of rowCounts) {
      const data = new Int32Array(rows * depth).fill(255);
      const answer = await session.run({ factor: { type: 'int32', shape: [rows, depth], data } }, [
        'product',
      ]);
      if ((answer['product']!.data as Float32Array).some((sum) => sum !== 255 * 127 * depth)) return false;
    }
    return true;
  } finally {
    await session.release();
  }
}
