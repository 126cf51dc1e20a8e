/** Runs `blockrank evaluate`: measures how good each order is on judged collections. */
import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  ConfigurationError,
  type ConfigurationIssue,
  modelFamily,
  modelProfile,
  openReranker,
  type Profile,
  type Reranker,
  type RerankerOptions,
  stateCodec,
} from '../../../engine/index.ts';
import {
  type BudgetUse,
  type Collection,
  type CollectionResult,
  evaluateCollection,
  type Measure,
  parseMeasure,
  precedentQueryIds,
  printRun,
  readCollection,
  type StateSize,
  toBudgetTable,
  toChart,
  toJsonResult,
  toJsonStateForms,
  toLengthLine,
  toStateTable,
  toSummary,
  toTable,
  toVarietyTable,
} from '../../../engine/laboratory.ts';
import type { FormSettings } from '../../compose/index.ts';
import type { CliContext } from '../context.ts';
import { type ModelFlags, modelSettings } from '../model-options.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import {
  type Comparison,
  compareBudgets,
  compareForms,
  compareSystems,
  compareVariety,
} from './evaluate-comparisons.ts';
import { besideStates, memoryForStates } from './evaluate-states.ts';
import { knownSystem } from './evaluated-systems.ts';
import { judgedQueries } from './judged-queries.ts';
import { stateCache } from './state-cache.ts';

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

/** Measures, prints and writes. @throws ConfigurationError listing every option that cannot be. */
export async function evaluate(context: CliContext, options: EvaluateOptions): Promise<void> {
  const measures = named(options.measures, 'measures', parseMeasure);
  const profile = await modelProfile(options.model);
  const budgets = named(options.budget, 'budget', milliseconds);
  const isTimed = budgets.values.length > 0;
  const lambdas = named(options.diversify, 'diversify', share);
  const isVaried = lambdas.values.length > 0;
  const names = named(
    options.rerankers ?? (isTimed || isVaried ? 'first-stage' : defaultSystems[profile]),
    'rerankers',
    knownSystem,
  );
  const codecs = named(options.states, 'states', stateCodec);
  const issues = [
    ...measures.issues,
    ...names.issues,
    ...codecs.issues,
    ...budgets.issues,
    ...lambdas.issues,
    ...besideVariety(options),
    ...besideStates(options, profile),
    ...(await unwritable(options)),
  ];
  if (issues.length > 0) throw new ConfigurationError('Cannot evaluate', issues);
  const { cache } = options;
  const model = modelSettings(options);
  const open = (form: FormSettings): Promise<Reranker> => {
    // Documents are dropped of lists that are cold, and their reading stops or runs out of time.
    const isCold = isTimed || form.dropping !== undefined || form.stopping !== undefined;
    return openReranker({
      ...model,
      ...form,
      // Only a list whose time is measured must not pay for the first run.
      warmUp: isTimed,
      ...(isCold ? { stateCacheBytes: 0 } : cacheOf(context, cache, profile)),
    });
  };
  const { compare, close } =
    options.states !== undefined
      ? await compareForms(
          codecs.values,
          await openReranker({ ...model, warmUp: false, stateCacheBytes: memoryForStates() }),
        )
      : isTimed
        ? await compareBudgets(names.values, budgets.values, open)
        : isVaried
          ? await compareVariety(names.values, lambdas.values, open)
          : await compareSystems(names.values, open);
  try {
    const results: Evaluated[] = [];
    for (const data of options.data)
      results.push(await evaluateFolder(context, data, options, { measures: measures.values, ...compare() }));
    await report(context, results, options, measures.values[0]!.name);
  } finally {
    await close();
  }
}

/** The systems that are compared by default. */
const defaultSystems = {
  cacheable: 'first-stage,cosine,default',
  'in-context': 'first-stage,default',
} as const;

/**
 * A collection's results, with `--states` the sizes of its states, with `--budget` what the lists took, and with
 * `--diversify` how far apart the first documents were.
 */
type Evaluated = CollectionResult & {
  readonly sizes?: ReadonlyMap<string, StateSize>;
  readonly uses?: ReadonlyMap<string, BudgetUse>;
  readonly distances?: ReadonlyMap<string, number>;
};

function cacheOf(
  context: CliContext,
  cache: string | boolean | undefined,
  profile: Profile,
): Pick<RerankerOptions, 'stateSource' | 'stateCodec'> {
  return profile === 'cacheable' ? stateCache(context, cache) : {};
}

async function evaluateFolder(
  context: CliContext,
  folder: string,
  options: EvaluateOptions,
  { measures, systems, sizes, uses, distances }: Comparison & { readonly measures: readonly Measure[] },
): Promise<Evaluated> {
  const collection = limited(await readCollection(folder), options.limit);
  assertJudged(folder, collection);
  if (options.model !== undefined) await warnOfSeen(context, options.model, collection);
  const bar = context.progress(collection.name, collection.qrels.size);
  try {
    const { run: candidates, firstStage } = await candidatesOf(options.candidates, folder, collection);
    const result = await evaluateCollection({
      collection,
      candidates,
      firstStage,
      systems,
      baseline: Object.keys(systems)[0]!,
      measures,
      rankWindowSize: options.window,
      onProgress: (done) => bar.update(done),
      signal: context.signal,
    });
    const evaluated = {
      ...result,
      ...(sizes && { sizes: sizes() }),
      ...(uses && { uses: uses() }),
      ...(distances && { distances: distances() }),
    };
    if (options.json !== true) context.print(toText(evaluated, measures[0]!.name));
    return evaluated;
  } finally {
    bar.stop();
  }
}

/** Says that the model holds the very judgements that it is measured by. */
async function warnOfSeen(context: CliContext, model: string, { name, qrels }: Collection): Promise<void> {
  if ((await modelFamily(model)) !== 'encoder') return;
  const seen = await precedentQueryIds(model);
  const count = [...qrels.keys()].filter((queryId) => seen.has(queryId)).length;
  if (count === 0) return;
  context.note(
    `${name}: ${count} of ${qrels.size} queries have names of queries whose judgements the model was fitted to: if they are ` +
      'the same, the figures say nothing of others; "blockrank train --cross-validate 5" measures those.',
  );
}

function toText(result: Evaluated, measure: string): string {
  const states = result.sizes ? `\n${toStateTable(result, result.sizes)}\n` : '';
  const budgets = result.uses ? `\n${toBudgetTable(result.uses)}\n` : '';
  const { distances } = result;
  const variety = distances ? `\n${toVarietyTable(result, distances, measure)}\n` : '';
  return `${toTable(result)}\n${toLengthLine(result)}\n${states}${budgets}${variety}`;
}

async function report(
  context: CliContext,
  results: readonly Evaluated[],
  options: EvaluateOptions,
  measure: string,
): Promise<void> {
  if (results.length > 1 && options.json !== true) context.print(toSummary(results, measure));
  const json = results.map((result) => ({
    ...toJsonResult(result, options.candidates),
    ...(result.sizes && { states: toJsonStateForms(result, result.sizes) }),
    ...(result.uses && { budgets: Object.fromEntries(result.uses) }),
    ...(result.distances && { intraListDistances: Object.fromEntries(result.distances) }),
  }));
  const whole = json.length === 1 ? json[0] : json;
  if (options.json === true) context.printJson(whole);
  else if (options.json) await writeFile(options.json, `${JSON.stringify(whole)}\n`);
  if (options.chart) await writeFile(options.chart, await toChart(results, measure));
  if (options.runDir) await writeRuns(options.runDir, results);
}

async function writeRuns(folder: string, results: readonly CollectionResult[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { dataset, runs } of results) {
    for (const [name, run] of runs)
      await writeFile(join(folder, `${dataset}.${name}.trec`), printRun(run, name));
  }
}

function limited(collection: Collection, limit: number | undefined): Collection {
  if (limit === undefined) return collection;
  return { ...collection, qrels: new Map([...collection.qrels].slice(0, limit)) };
}

/** @throws ConfigurationError when no document is judged relevant: every measure would be 0 over no query. */
function assertJudged(folder: string, collection: Collection): void {
  if (judgedQueries(collection).length > 0) return;
  const message = `expected a query of queries.jsonl with a relevant document in "${join(folder, 'qrels.tsv')}"`;
  throw new ConfigurationError('Cannot evaluate', [{ path: 'data', message }]);
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
