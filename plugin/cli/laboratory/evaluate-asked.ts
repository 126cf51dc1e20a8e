/** What `blockrank evaluate` is asked for, read from its options. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  ConfigurationError,
  type ConfigurationIssue,
  modelProfile,
  type Profile,
  type StateCodec,
  stateCodec,
} from '../../../engine/index.ts';
import { type Measure, parseMeasure } from '../../../engine/laboratory.ts';
import type { ModelFlags } from '../model-options.ts';
import { besideStates } from './evaluate-states.ts';
import { type EvaluatedName, knownSystem } from './evaluated-systems.ts';

/** Values of the options of `evaluate`. */
export interface EvaluateOptions extends ModelFlags {
  readonly data: readonly string[];
  readonly candidates: string;
  readonly rerankers?: string;
  readonly states?: string;
  readonly measures: string;
  readonly budget?: string;
  readonly diversify?: string;
  readonly window: number;
  readonly limit?: number;
  readonly json?: string | true;
  readonly runDir?: string;
  readonly chart?: string;
  readonly cache?: string | boolean;
}

/** What is compared, and by what. */
export interface Asked {
  /** What is measured; the first is what systems are compared by. */
  readonly measures: readonly Measure[];
  /** The model's. */
  readonly profile: Profile;
  /** The orders. */
  readonly names: readonly EvaluatedName[];
  /** Instead of orders: forms of states. */
  readonly codecs: readonly StateCodec[];
  /** Besides: times of a list, in milliseconds. */
  readonly budgets: readonly number[];
  /** Besides: weights of the order beside variety. */
  readonly lambdas: readonly number[];
}

/** The systems that are compared by default. */
const defaultSystems = {
  cacheable: 'first-stage,cosine,default',
  'in-context': 'first-stage,default',
} as const;

/** Reads the options. @throws ConfigurationError listing every one that cannot be. */
export async function readAsked(options: EvaluateOptions): Promise<Asked> {
  const profile = await modelProfile(options.model);
  const measures = named(options.measures, 'measures', parseMeasure);
  const budgets = named(options.budget, 'budget', milliseconds);
  const lambdas = named(options.diversify, 'diversify', share);
  const isBesides = budgets.values.length > 0 || lambdas.values.length > 0;
  const systems = options.rerankers ?? (isBesides ? 'first-stage' : defaultSystems[profile]);
  const names = named(systems, 'rerankers', knownSystem);
  const codecs = named(options.states, 'states', stateCodec);
  const issues = [
    ...[measures, names, codecs, budgets, lambdas].flatMap((each) => each.issues),
    ...besideVariety(options),
    ...besideStates(options, profile),
    ...(await unwritable(options)),
  ];
  if (issues.length > 0) throw new ConfigurationError('Cannot evaluate', issues);
  return {
    profile,
    measures: measures.values,
    names: names.values,
    codecs: codecs.values,
    budgets: budgets.values,
    lambdas: lambdas.values,
  };
}

/** @throws RangeError when the text is no share. */
function share(text: string): number {
  const value = Number(text);
  if (text !== '' && value >= 0 && value <= 1) return value;
  throw new RangeError(`expected a number from 0 to 1, got ${JSON.stringify(text)}`);
}

/** One comparison at a time. */
function besideVariety({ diversify, budget, states }: EvaluateOptions): ConfigurationIssue[] {
  if (diversify === undefined || (budget === undefined && states === undefined)) return [];
  return [{ path: 'diversify', message: 'leave out --budget and --states beside it' }];
}

/** @throws RangeError when the text is no number of milliseconds. */
function milliseconds(text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`expected milliseconds, at least 0, got ${JSON.stringify(text)}`);
}

interface Named<T> {
  readonly values: readonly T[];
  readonly issues: readonly ConfigurationIssue[];
}

/** Reads every name of a comma-separated list; empty where there is no list. */
function named<T>(list: string | undefined, path: string, read: (name: string) => T): Named<T> {
  const issues: ConfigurationIssue[] = [];
  if (list === undefined) return { values: [], issues };
  const values = list.split(',').flatMap((name) => {
    try {
      return [read(name.trim())];
    } catch (error) {
      issues.push({ path, message: error instanceof Error ? error.message : String(error) });
      return [];
    }
  });
  return { values, issues };
}

/** Issues for files that cannot be written, found before hours of work are lost. */
async function unwritable({ json, chart, runDir }: EvaluateOptions): Promise<ConfigurationIssue[]> {
  const files = [
    ['json', typeof json === 'string' ? dirname(json) : undefined],
    ['chart', chart && dirname(chart)],
    ['run-dir', runDir && dirname(runDir)],
  ] as const;
  const issues: ConfigurationIssue[] = [];
  for (const [path, folder] of files) {
    if (!folder) continue;
    await access(folder, constants.W_OK).catch(() => {
      issues.push({ path, message: `cannot write in the folder "${folder}"` });
    });
  }
  return issues;
}
