/** Options that say which model runs, and how: the same for every command. */
import type { RerankerConfig } from '../config/reranker-schema.ts';
import { type Defined, withoutUndefined } from '../config/without-undefined.ts';
import { rerankerOptions } from '../options/reranker-options.ts';
import { Flag, type FlagForm } from './flag.ts';

const spellings = {
  model: '--model <folder>',
  precision: '--precision <name>',
  queryPrecision: '--query-precision <name>',
  device: '--device <name>',
  tier: '--tier <name>',
  depth: '--depth <layers>',
  loops: '--loops <times>',
  residual: '--residual <name>',
} as const;

/** Name of one of the options. */
export type ModelOption = keyof typeof spellings;

/** Values of the options; all absent unless given. */
export type ModelFlags = Pick<RerankerConfig, ModelOption>;

/** How a command departs from the others. */
export interface ModelOptionsForm {
  /** Which it takes. @defaultValue all */
  readonly only?: readonly ModelOption[];
  /** Where an option departs from its row. */
  readonly forms?: Readonly<Partial<Record<ModelOption, FlagForm>>>;
}

const all = Object.keys(spellings) as readonly ModelOption[];

/** The options, in the order of the help. */
export function modelOptions({ only = all, forms = {} }: ModelOptionsForm = {}): readonly Flag[] {
  return only.map((name) => new Flag(spellings[name], rerankerOptions[name], forms[name]));
}

/** What the options say as settings of a reranker; nothing where they say nothing. */
export function modelSettings(flags: ModelFlags): Defined<ModelFlags> {
  const { model, precision, queryPrecision, device, tier, depth, loops, residual } = flags;
  return withoutUndefined({ model, precision, queryPrecision, device, tier, depth, loops, residual });
}
