/** The fields that a configuration has fetched beside the texts. */
import { orderStepFields } from '../../engine/index.ts';
import type { IndexConfig } from '../config/schema.ts';
import type { StageConfig } from '../config/stage-schema.ts';

/** Fields that the file names for score steps, and those that the steps of the stage look at, each once. */
export function fetchedSignals(
  { signals = [] }: Pick<IndexConfig, 'signals'>,
  stage: StageConfig,
): readonly string[] {
  return [...new Set([...signals, ...orderStepFields(stage)])];
}
