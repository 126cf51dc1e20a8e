/** Values of the options of `blockrank labels`. */
import type { Aggregation, MissingRule } from '../../../engine/laboratory.ts';
import type { ModelFlags } from '../model-options.ts';
import type { LabelSourceOptions } from './label-sources.ts';

/** As the command line gives them. */
export interface LabelsOptions extends ModelFlags, LabelSourceOptions {
  readonly aggregation: Aggregation;
  readonly weights?: string;
  readonly relevantFrom: number;
  readonly grades?: true;
  readonly missing: MissingRule;
  readonly output?: string;
  readonly run?: readonly string[];
  readonly rerankers?: string;
  readonly candidates: string;
  readonly window: number;
  readonly measure: string;
  readonly folds: number;
  readonly json?: true;
  readonly cache?: string | boolean;
}
