/** What a kind of trainee is: its part of a recipe, and how it is opened. */
import type { z } from 'zod';
import type { RerankerOptions } from '../../rerank/reranker-options.ts';
import type { Trainee } from '../trainer/trainee.ts';

/** What a trainee is opened with, besides its part of the recipe. */
export interface TraineeContext {
  /** Folder of the model to start from. @defaultValue the model that comes with the package */
  readonly model?: string | undefined;
  /** Decides what begins at random. */
  readonly seed: number;
  /** Where states of frozen layers are kept. @defaultValue in memory */
  readonly states?: Pick<RerankerOptions, 'stateSource' | 'stateCodec'> | undefined;
}

/** One kind. */
export interface TraineeKind<Settings> {
  /** Checks the part `train` of a recipe, whose `kind` is this one's name. */
  readonly schema: z.ZodType<Settings>;
  /** Opens it; its `close` frees all that was opened. @throws ConfigurationError when the model is not of this kind. */
  open(settings: Settings, context: TraineeContext): Promise<Trainee>;
}
