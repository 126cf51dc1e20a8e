/** `train: { kind: encoder-layers }`: layers of an encoder, at its full depth or a smaller one. */
import * as z from 'zod';
import { encoderLayersTrainee } from '../trainees/encoder-layers.ts';
import type { TraineeKind } from './trainee-kind.ts';

/** Settings of layers in training. */
export interface EncoderLayersSettings {
  /** Which kind. */
  readonly kind: 'encoder-layers';
  /** One of the model's depths. @defaultValue all of the model's layers */
  readonly depth?: number | undefined;
  /** Layers that are trained, from the bottom, 0 first; the others stay. @defaultValue all of the depth */
  readonly layers?: readonly number[] | undefined;
  /** Longest block of a document in training, in tokens. @defaultValue the model's */
  readonly maxDocumentTokens?: number | undefined;
  /** Blocks of a document in training, at most. @defaultValue the model's */
  readonly maxDocumentBlocks?: number | undefined;
  /** Whether the full depth's states are a goal, for `losses.own`. @defaultValue at a smaller depth */
  readonly followsFullDepth?: boolean | undefined;
  /** How the full depth's matrices are multiplied, where it is a goal. @defaultValue 'fp32' */
  readonly fullDepthPrecision?: 'fp32' | 'int8' | undefined;
}

const count = z.int().min(1);

/** Layers of an encoder, from `encoderLayersTrainee`. */
export const encoderLayersKind: TraineeKind<EncoderLayersSettings> = {
  schema: z.strictObject({
    kind: z.literal('encoder-layers'),
    depth: count.optional(),
    layers: z.array(z.int().min(0)).min(1).optional(),
    maxDocumentTokens: z.int().min(8).optional(),
    maxDocumentBlocks: count.optional(),
    followsFullDepth: z.boolean().optional(),
    fullDepthPrecision: z.enum(['fp32', 'int8']).optional(),
  }),
  open(
    { depth, layers, maxDocumentTokens, maxDocumentBlocks, followsFullDepth, fullDepthPrecision },
    { model, states },
  ) {
    return encoderLayersTrainee({
      ...(model && { model }),
      ...(states && { states }),
      ...(depth && { depth }),
      ...(layers && { layers }),
      ...(followsFullDepth !== undefined && { followsFullDepth }),
      ...(fullDepthPrecision && { fullDepthPrecision }),
      caps: {
        ...(maxDocumentTokens && { maxDocumentTokens }),
        ...(maxDocumentBlocks && { maxDocumentBlocks }),
      },
    });
  },
};
