/** `blockrank evaluate`: how good each order is on judged collections. */
import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import {
  ConfigurationError,
  type ConfigurationIssue,
  type Device,
  modelFamily,
  openReranker,
  type Reranker,
  type RerankerOptions,
  type StateCodec,
  stateCodec,
} from '../../../engine/index.ts';
import {
  type Collection,
  type CollectionResult,
  evaluateCollection,
  type Measure,
  parseMeasure,
  printRun,
  readCollection,
  type StateSize,
  type System,
  type SystemName,
  type Systems,
  systemNames,
  systemsOver,
  toChart,
  toJsonResult,
  toJsonStateForms,
  toLengthLine,
  toStateTable,
  toSummary,
  toTable,
} from '../../../engine/laboratory.ts';
import type { CliContext, MakeCommand } from '../context.ts';
import { wholeNumber } from '../option-values.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import { besideStates, formsOver, memoryForStates } from './evaluate-states.ts';
import { openStateCache } from './state-cache.ts';

interface EvaluateOptions {
  readonly data: readonly string[];
  readonly candidates: string;
  readonly rerankers?: string;
  readonly states?: string;
  readonly measures: string;
  readonly depth: number;
  readonly limit?: number;
  readonly model?: string;
  readonly precision?: 'fp32' | 'int8' | 'fp16';
  readonly device?: Device;
  readonly json?: string | true;
  readonly runDir?: string;
  readonly chart?: string;
  readonly cache: string | boolean;
}

const examples = `
Examples:
  $ blockrank evaluate --data data/trec-dl19 --candidates bm25 --rerankers first-stage,cosine,default
  $ blockrank evaluate --data data/scifact data/nfcorpus --candidates bm25 --json results.json --chart results.svg
  $ blockrank evaluate --data my-judgements --candidates embedded --run-dir runs
  $ blockrank evaluate --data data/nfcorpus --candidates bm25 --states anchor-int8,tokens-int8,tokens-int8:32

A collection is a folder with corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels.tsv (query-id,
corpus-id, score) and, for --candidates NAME, candidates-NAME.tsv (query-id, corpus-id, rank, score).`;

/** Makes the command. */
export const evaluateCommand: MakeCommand = (context) =>
  new Command('evaluate')
    .description('Measures rerankers on collections with relevance judgements, against their first stage.')
    .requiredOption('--data <folders...>', 'collections; with several, an average too')
    .option(
      '--candidates <name>',
      'first stage: bm25 or another candidates-NAME.tsv, embedded, judged',
      'embedded',
    )
    .option(
      '--rerankers <names>',
      'first-stage, default, model; of encoders also cosine, anchor, sum-join, max-join; separated by commas (default: first-stage,cosine,default; of decoders first-stage,default)',
    )
    .option(
      '--states <codecs>',
      'instead: what keeping block states costs, in bytes and in the default order; anchor-fp16, anchor-int8, tokens-fp16, tokens-int8, of tokens at most n a document as in tokens-int8:32; separated by commas',
    )
    .option('--measures <names>', 'nDCG@k, RR@k, AP, P@k, R@k; separated by commas', 'nDCG@10,RR@10')
    .option('--depth <n>', 'candidates of a query that are reranked', wholeNumber({ min: 1 }), 100)
    .option('--limit <n>', 'only the first n judged queries of each collection', wholeNumber({ min: 1 }))
    .option('--model <folder>', 'model folder (default: the one that comes with blockrank)')
    .addOption(new Option('--precision <name>', 'fp32, int8 or fp16').choices(['fp32', 'int8', 'fp16']))
    .addOption(
      new Option('--device <name>', 'where the model runs').choices(['auto', 'cpu', 'webgpu', 'cuda']),
    )
    .option('--json [file]', 'results as JSON, to a file or to standard output')
    .option('--run-dir <folder>', 'write each order as a TREC run')
    .option('--chart <file>', 'write a bar chart of the first measure as SVG')
    .option('--cache <folder>', 'where encoded documents are kept between runs')
    .option('--no-cache', 'keep no encoded documents')
    .addHelpText('after', examples)
    .action((options: EvaluateOptions) => evaluate(context, options));

async function evaluate(context: CliContext, options: EvaluateOptions): Promise<void> {
  const measures = named(options.measures, 'measures', parseMeasure);
  const family = await modelFamily(options.model);
  const names = named(options.rerankers ?? defaultSystems[family], 'rerankers', knownSystem);
  const codecs = named(options.states, 'states', stateCodec);
  const issues = [
    ...measures.issues,
    ...names.issues,
    ...codecs.issues,
    ...besideStates(options, family),
    ...(await unwritable(options)),
  ];
  if (issues.length > 0) throw new ConfigurationError('Cannot evaluate', issues);
  const { cache } = options;
  const reranker = await openReranker({
    ...(options.model ? { model: options.model } : {}),
    ...(options.precision ? { precision: options.precision } : {}),
    ...(options.device ? { device: options.device } : {}),
    ...(options.states === undefined
      ? cacheOf(context, cache, family)
      : { stateCacheBytes: memoryForStates() }),
  });
  try {
    const compare = comparisonOver(reranker, names.values, codecs.values);
    const results: Evaluated[] = [];
    for (const data of options.data)
      results.push(await evaluateFolder(context, data, options, { measures: measures.values, ...compare() }));
    await report(context, results, options, measures.values[0]!.name);
  } finally {
    await reranker.close();
  }
}

/** What is compared when nothing is named. */
const defaultSystems = { encoder: 'first-stage,cosine,default', decoder: 'first-stage,default' } as const;

/** What one collection is measured with; sizes are complete once it was. */
interface Comparison {
  readonly systems: Readonly<Record<string, System>>;
  readonly sizes?: () => ReadonlyMap<string, StateSize>;
}

/** A collection's results, and with `--states` the sizes of its states. */
type Evaluated = CollectionResult & { readonly sizes?: ReadonlyMap<string, StateSize> };

/** Each call starts anew, for one collection. */
function comparisonOver(
  reranker: Reranker,
  names: readonly SystemName[],
  codecs: readonly StateCodec[],
): () => Comparison {
  if (codecs.length > 0) return () => formsOver(reranker, codecs);
  const all = systemsOver(reranker);
  const systems = Object.fromEntries(names.map((name) => [name, systemOf(all, name)]));
  return () => ({ systems });
}

function cacheOf(
  context: CliContext,
  cache: string | boolean,
  family: 'encoder' | 'decoder',
): Pick<RerankerOptions, 'stateSource'> {
  if (!cache || family !== 'encoder') return {};
  return { stateSource: openStateCache(context, cache === true ? undefined : cache) };
}

function systemOf(systems: Systems, name: SystemName): System {
  const system = systems[name];
  if (system) return system;
  throw new ConfigurationError('Cannot evaluate', [
    { path: 'rerankers', message: `${name} reads states that only encoders keep; leave it out` },
  ]);
}

async function evaluateFolder(
  context: CliContext,
  folder: string,
  options: EvaluateOptions,
  { measures, systems, sizes }: Comparison & { readonly measures: readonly Measure[] },
): Promise<Evaluated> {
  const collection = limited(await readCollection(folder), options.limit);
  assertJudged(folder, collection);
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
      depth: options.depth,
      onProgress: (done) => bar.update(done),
      signal: context.signal,
    });
    const evaluated = sizes ? { ...result, sizes: sizes() } : result;
    if (options.json !== true) context.print(toText(evaluated));
    return evaluated;
  } finally {
    bar.stop();
  }
}

function toText(result: Evaluated): string {
  const states = result.sizes ? `\n${toStateTable(result, result.sizes)}\n` : '';
  return `${toTable(result)}\n${toLengthLine(result)}\n${states}`;
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

/** @throws ConfigurationError when nothing is judged relevant: every measure would be 0 over no query. */
function assertJudged(folder: string, { qrels, queries }: Collection): void {
  const counts = [...qrels].filter(([queryId, judged]) => {
    return queries.has(queryId) && [...judged.values()].some((relevance) => relevance > 0);
  });
  if (counts.length > 0) return;
  const message = `expected a query of queries.jsonl with a relevant document in "${join(folder, 'qrels.tsv')}"`;
  throw new ConfigurationError('Cannot evaluate', [{ path: 'data', message }]);
}

interface Named<T> {
  readonly values: readonly T[];
  readonly issues: readonly ConfigurationIssue[];
}

/** Reads every name of a comma-separated list; none where there is no list. */
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

function knownSystem(name: string): SystemName {
  const known = systemNames.find((each) => each === name);
  if (known) return known;
  throw new RangeError(`expected ${systemNames.join(', ')}, got ${JSON.stringify(name)}`);
}

/** Files that could not be written after hours of work. */
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
