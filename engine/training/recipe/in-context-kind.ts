/** `train: { kind: in-context }`: layers of an encoder whose documents see the query, and the gates through which they do. */
import * as z from 'zod';
import { inContextTrainee } from '../trainees/in-context.ts';
import type { TraineeKind } from './trainee-kind.ts';

/** Settings of the `in-context` profile in training. */
export interface InContextSettings {
  /** Which kind. */
  readonly kind: 'in-context';
  /** Layers that are trained, from the bottom, 0 first; the others stay. @defaultValue the upper half */
  readonly layers?: readonly number[] | undefined;
  /** Layers in which documents see the query. @defaultValue those that the model has gates of, else those that are trained */
  readonly gatedLayers?: readonly number[] | undefined;
  /** Learning rate of gates as a factor of the schedule's, above 0. @defaultValue 250 */
  readonly gateRateFactor?: number | undefined;
  /** Longest block of a document in training, in tokens. @defaultValue the model's */
  readonly maxDocumentTokens?: number | undefined;
  /** Blocks of a document in training, at most. @defaultValue the model's */
  readonly maxDocumentBlocks?: number | undefined;
}

const layers = z.array(z.int().min(0)).min(1);

/** The profile, from `inContextTrainee`. */
export const inContextKind: TraineeKind<InContextSettings> = {
  schema: z.strictObject({
    kind: z.literal('in-context'),
    layers: layers.optional(),
    gatedLayers: layers.optional(),
    gateRateFactor: z.number().positive().optional(),
    maxDocumentTokens: z.int().min(8).optional(),
    maxDocumentBlocks: z.int().min(1).optional(),
  }),
  open({ layers, gatedLayers, gateRateFactor, maxDocumentTokens, maxDocumentBlocks }, { model }) {
    return inContextTrainee({
      ...(model && { model }),
      ...(layers && { layers }),
      ...(gatedLayers && { gatedLayers }),
      ...(gateRateFactor && { gateRateFactor }),
      caps: {
        ...(maxDocumentTokens && { maxDocumentTokens }),
        ...(maxDocumentBlocks && { maxDocumentBlocks }),
      },
    });
  },
};
