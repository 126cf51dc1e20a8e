/** `train: { kind: readout }`: how the cacheable profile reads and scores, over frozen block states. */
import * as z from 'zod';
import { openEncoderReranker } from '../../rerank/encoder/open-encoder-reranker.ts';
import { readoutTrainee } from '../trainees/readout/readout-trainee.ts';
import type { TraineeKind } from './trainee-kind.ts';

/** Settings of a readout in training; a part of size 0 is left out. */
export interface ReadoutSettings {
  /** Which kind. */
  readonly kind: 'readout';
  /** Rank of the projection with which the query reads anchors. @defaultValue 0 */
  readonly readingRank: number;
  /** Rank of the projection with which anchors are scored. @defaultValue 32 */
  readonly anchorRank: number;
  /** Rank of the projection with which tokens are scored. @defaultValue 0 */
  readonly tokenRank: number;
  /** Width of the layer in which the anchors of a list attend to each other. @defaultValue 16 */
  readonly listWidth: number;
  /** Most bytes of states that are kept in memory, tokens in half precision; others are read again. @defaultValue 1 GiB */
  readonly stateBytes?: number | undefined;
  /** How matrices are multiplied that read documents and queries. @defaultValue fp32 */
  readonly precision?: 'fp32' | 'int8' | undefined;
}

const rank = z.int().min(0);

/** The readout, from `readoutTrainee`. */
export const readoutKind: TraineeKind<ReadoutSettings> = {
  schema: z.strictObject({
    kind: z.literal('readout'),
    readingRank: rank.default(0),
    anchorRank: rank.default(32),
    tokenRank: rank.default(0),
    listWidth: rank.default(16),
    stateBytes: z.int().min(1).optional(),
    precision: z.enum(['fp32', 'int8']).optional(),
  }),
  async open({ kind: _, stateBytes, precision, ...sizes }, { model, seed, states }) {
    const reranker = await openEncoderReranker({
      ...(model && { model }),
      ...(precision && { precision }),
      stateCacheBytes: 0,
      warmUp: false,
      ...states,
    });
    try {
      const trainee = readoutTrainee({
        reranker,
        sizes,
        seed,
        tokens: 'float16',
        ...(stateBytes && { stateBytes }),
      });
      return { ...trainee, close: () => reranker.close() };
    } catch (error) {
      await reranker.close();
      throw error;
    }
  },
};
