/** The table of everything that a recipe can train: a new kind is a line here. */
import * as z from 'zod';
import type { Trainee } from '../trainer/trainee.ts';
import { type DecoderSettings, decoderKind } from './decoder-kind.ts';
import { type EncoderLayersSettings, encoderLayersKind } from './encoder-layers-kind.ts';
import { type InContextSettings, inContextKind } from './in-context-kind.ts';
import { type ReadoutSettings, readoutKind } from './readout-kind.ts';
import { type ResidualSettings, residualKind } from './residual-kind.ts';
import type { TraineeContext, TraineeKind } from './trainee-kind.ts';

/** What a recipe says of its trainee; `kind` tells which. */
export type TraineeSettings =
  | ReadoutSettings
  | EncoderLayersSettings
  | InContextSettings
  | DecoderSettings
  | ResidualSettings;

const kinds: {
  readonly [Kind in TraineeSettings['kind']]: TraineeKind<Extract<TraineeSettings, { kind: Kind }>>;
} = {
  readout: readoutKind,
  'encoder-layers': encoderLayersKind,
  'in-context': inContextKind,
  decoder: decoderKind,
  residual: residualKind,
};

/** The part `train` of a recipe. */
export const traineeSchema: z.ZodType<TraineeSettings> = z.discriminatedUnion(
  'kind',
  // Every schema of the table is of an object with the literal `kind`.
  Object.values(kinds).map(({ schema }) => schema) as unknown as [z.ZodObject<{ kind: z.ZodLiteral }>],
) as unknown as z.ZodType<TraineeSettings>;

/** Opens the trainee of a recipe. @throws ConfigurationError when the model is not of its kind. */
export function openTrainee(settings: TraineeSettings, context: TraineeContext): Promise<Trainee> {
  // The entry of a kind takes the settings of that kind.
  const kind = kinds[settings.kind] as TraineeKind<TraineeSettings>;
  return kind.open(settings, context);
}
