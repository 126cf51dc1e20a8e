/** The tensors that a training of the readout starts from: they change nothing. */
import { normalNumber, seededRandom } from '../../../evaluation/random.ts';
import type { ScalarName } from '../../../network/readout/readout-graph.ts';
import { type HeadSizes, headShapes } from '../../../readout/heads.ts';
import type { TrainedTensor } from '../../trainer/trainee.ts';

/** Names of tensors that are zero at the start: with them, everything else of the parts adds nothing. */
const isZero = (name: string): boolean =>
  name.endsWith('.up') || name === 'list.hidden' || name === 'list.prior';

/**
 * Parts of some sizes and the logarithms of scalars' factors. What is multiplied by a zero tensor is drawn so that a vector of
 * length 1 gives numbers of variance 1, or of the same variance as its own for square matrices.
 */
export function startTensors(
  sizes: HeadSizes,
  scalars: readonly ScalarName[],
  seed: number,
): Map<string, TrainedTensor> {
  const random = seededRandom(seed);
  const tensors = new Map<string, TrainedTensor>(
    [...headShapes(sizes)].map(([name, shape]) => {
      const count = shape.reduce((product, axis) => product * axis, 1);
      const deviation = shape[0] === sizes.width ? 1 : 1 / Math.sqrt(shape[0]!);
      const data = new Float32Array(count);
      if (!isZero(name)) for (let i = 0; i < count; i += 1) data[i] = deviation * normalNumber(random);
      return [name, { shape, data }];
    }),
  );
  for (const name of scalars) tensors.set(`scalar.${name}`, { shape: [], data: new Float32Array(1) });
  return tensors;
}
