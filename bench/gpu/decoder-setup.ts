/** What a part opens decoders with. */
import type { DecoderParts } from '../../engine/rerank/decoder/decoder-runner.ts';
import type { SessionOptions } from '../../engine/session/runtime.ts';
import { threads } from '../support/bench.ts';
import { decoderShapes } from '../support/decoder-shape.ts';
import { randomDecoderWeights } from '../support/random-weights.ts';
import type { PartOptions } from './part.ts';

/** A decoder with random weights, and how its graphs run. */
export interface DecoderSetup {
  readonly parts: DecoderParts;
  readonly session: SessionOptions;
}

/** Writes the weights into the part's folder. */
export async function decoderSetup({
  shape,
  stored,
  computed,
  device,
  folder,
}: PartOptions<'block' | 'full'>): Promise<DecoderSetup> {
  const { config } = decoderShapes[shape];
  const weights = await randomDecoderWeights(config, { folder, type: stored, sharesLayers: true });
  return {
    parts: { config, weights, computeType: computed },
    session: { folder, threads, prepack: false, provider: device },
  };
}
