/** `train: { kind: residual }`: learned sums (LAuReL) between the frozen layers of an encoder. */
import * as z from 'zod';
import { type ResidualKind, residualKinds } from '../../network/residuals.ts';
import { residualTrainee } from '../trainees/residual/residual-trainee.ts';
import type { TraineeKind } from './trainee-kind.ts';

/** Settings of a residual in training. */
export interface ResidualSettings {
  /** Which kind of trainee. */
  readonly kind: 'residual';
  /** What the sums are made of. @defaultValue 'rw+lr' */
  readonly parts?: ResidualKind | undefined;
  /** Rank of the low-rank parts, at least 1. @defaultValue 8 */
  readonly rank?: number | undefined;
  /** Streams that `pa` looks back on, at least 1. @defaultValue 3 */
  readonly window?: number | undefined;
  /** One of the model's depths. @defaultValue all of the model's layers */
  readonly depth?: number | undefined;
  /** Longest block of a document in training, in tokens. @defaultValue the model's */
  readonly maxDocumentTokens?: number | undefined;
  /** Blocks of a document in training, at most. @defaultValue the model's */
  readonly maxDocumentBlocks?: number | undefined;
}

const count = z.int().min(1);

/** A residual, from `residualTrainee`. */
export const residualKind: TraineeKind<ResidualSettings> = {
  schema: z.strictObject({
    kind: z.literal('residual'),
    parts: z.enum(residualKinds).optional(),
    rank: count.optional(),
    window: count.optional(),
    depth: count.optional(),
    maxDocumentTokens: z.int().min(8).optional(),
    maxDocumentBlocks: count.optional(),
  }),
  open({ parts, rank, window, depth, maxDocumentTokens, maxDocumentBlocks }, { model }) {
    return residualTrainee({
      ...(model && { model }),
      ...(parts && { kind: parts }),
      ...(rank && { rank }),
      ...(window && { window }),
      ...(depth && { depth }),
      caps: {
        ...(maxDocumentTokens && { maxDocumentTokens }),
        ...(maxDocumentBlocks && { maxDocumentBlocks }),
      },
    });
  },
};
