/** Weights of an encoder that knows nothing yet. */
import { normalNumber } from '../../evaluation/random.ts';
import { input } from '../../graph/value.ts';
import { encoderLayers } from '../../network/encoder.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import type { TrainedTensor } from '../trainer/trainee.ts';

/** Deviation of embeddings, which are normalised before they are read: small, so that training moves them soon. */
const embeddingDeviation = 0.1;

/**
 * Every tensor of an encoder by name. Matrices are normal numbers of variance `1 / inputs`, so that products keep the
 * variance of what they read; norms scale by 1; biases are 0.
 */
export function startWeights(config: EncoderConfig, random: () => number): Map<string, TrainedTensor> {
  const tensors = new Map<string, TrainedTensor>();
  encoderLayers(
    config,
    (name, shape) => {
      if (!tensors.has(name)) tensors.set(name, { shape, data: startOf(name, shape, random) });
      return input(name, 'float32', shape);
    },
    { precision: 'fp32' },
  );
  return tensors;
}

function startOf(name: string, shape: readonly number[], random: () => number): Float32Array {
  const data = new Float32Array(shape.reduce((product, axis) => product * axis, 1));
  if (name.endsWith('LayerNorm.weight')) return data.fill(1);
  if (name.endsWith('.bias')) return data;
  const deviation = name.startsWith('embeddings.') ? embeddingDeviation : 1 / Math.sqrt(shape[1]!);
  return data.map(() => deviation * normalNumber(random));
}
