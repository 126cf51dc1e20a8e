/** `train: { kind: decoder }`: a decoder, whole or by low-rank matrices. */
import * as z from 'zod';
import { ConfigurationError } from '../../errors.ts';
import { type DecoderProjection, projectionNames } from '../trainees/decoder/decoder-model.ts';
import { decoderTrainee } from '../trainees/decoder/decoder-trainee.ts';
import type { TraineeKind } from './trainee-kind.ts';

/** Settings of a decoder in training. */
export interface DecoderSettings {
  /** Which kind. */
  readonly kind: 'decoder';
  /** Low-rank matrices are trained, and all else stays. @defaultValue the decoder's own weights are trained */
  readonly lowRank?:
    | {
        /** Rank of each pair of matrices, at least 1. */
        readonly rank: number;
        /** Their product is multiplied by `alpha / rank`. @defaultValue twice the rank */
        readonly alpha?: number | undefined;
        /** The layers' matrices that get a pair. @defaultValue those of `decoderTrainee` */
        readonly projections?: readonly DecoderProjection[] | undefined;
      }
    | undefined;
  /** Layers that are trained, from the bottom, 0 first. @defaultValue all that the losses depend on */
  readonly layers?: readonly number[] | undefined;
  /** Layer whose signal tokens are read, 0 for the first. @defaultValue the model's, or at 20/32 of its depth */
  readonly scoringLayer?: number | undefined;
  /** Whether there is the loss `nextToken` beside `blockRank`, for `losses.own`. @defaultValue true */
  readonly nextToken?: boolean | undefined;
  /** Temperature of `blockRank`. @defaultValue 0.05 */
  readonly tau?: number | undefined;
  /** Longest block of a document in training, in tokens. @defaultValue the model's */
  readonly maxDocumentTokens?: number | undefined;
}

const count = z.int().min(1);

/** A decoder, from `decoderTrainee`. */
export const decoderKind: TraineeKind<DecoderSettings> = {
  schema: z.strictObject({
    kind: z.literal('decoder'),
    lowRank: z
      .strictObject({
        rank: count,
        alpha: z.number().positive().optional(),
        projections: z.array(z.enum(projectionNames)).min(1).optional(),
      })
      .optional(),
    layers: z.array(z.int().min(0)).min(1).optional(),
    scoringLayer: z.int().min(0).optional(),
    nextToken: z.boolean().optional(),
    tau: z.number().positive().optional(),
    maxDocumentTokens: z.int().min(48).optional(),
  }),
  open({ kind: _, scoringLayer, maxDocumentTokens, ...settings }, { model, seed }) {
    if (model === undefined) {
      const message = 'required: the model that comes with the package is no decoder';
      throw new ConfigurationError('Cannot train a decoder', [{ path: 'model', message }]);
    }
    return decoderTrainee({
      ...settings,
      model,
      seed,
      ...(scoringLayer !== undefined && { scoring: { layer: scoringLayer } }),
      ...(maxDocumentTokens && { caps: { maxDocumentTokens } }),
    });
  },
};
