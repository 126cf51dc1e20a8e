/** Runs `blockrank train` without a recipe: fits the readout to the user's own judgements. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigurationError, type EncoderReranker, openEncoderReranker } from '../../../engine/index.ts';
import {
  type CostReport,
  costsOf,
  crossValidateFit,
  defaultFitSettings,
  type FitChoice,
  type FitCrossValidation,
  type FitList,
  type FitOptions,
  type FitReport,
  type FittedReadout,
  fewestLists,
  fitReadout,
  isInstructive,
  keepingWeight,
  parseMeasure,
  readCollection,
  toFitLists,
  toMarkdown,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import { stateCache } from './state-cache.ts';

/** Values of the options. */
export interface FitCommandOptions {
  readonly data: string;
  readonly output?: string;
  readonly candidates: string;
  readonly window: number;
  readonly model?: string;
  readonly precision?: 'fp32' | 'int8' | 'fp16';
  readonly crossValidate?: number;
  readonly also?: readonly string[];
  readonly alsoCandidates: string;
  readonly interpolation?: string;
  readonly precedents?: boolean;
  readonly seed: number;
  readonly json?: true;
  readonly cache?: string | boolean;
}

const measure = parseMeasure('nDCG@10');

/** Fits, reports, and writes the model where `--output` says. @throws ConfigurationError for options or data that cannot be. */
export async function runFit(context: CliContext, options: FitCommandOptions): Promise<void> {
  const start = performance.now();
  const interpolation = toWeight(options.interpolation);
  assertOutput(options);
  const lists = await listsOf(options.data, options.candidates, options.window);
  const instructive = lists.filter(isInstructive).length;
  if (instructive < fewestLists) return tuneInstead(context, options, instructive);
  const reranker = await openEncoderReranker({
    ...(options.model ? { model: options.model } : {}),
    ...(options.precision ? { precision: options.precision } : {}),
    stateCacheBytes: 0,
    warmUp: false,
    ...stateCache(context, options.cache),
  });
  try {
    const fit = fitOptions(reranker, lists, options, context);
    const crossValidation = options.crossValidate
      ? await crossValidated(context, fit, options.crossValidate)
      : undefined;
    const { fitted, epochs } = await fittedTo(context, fit);
    try {
      const others = await othersOf(context, fitted, options);
      const written = chosenOf(fitted, interpolation);
      const report: FitReport = {
        collection: lists[0]!.list.set,
        candidates: options.candidates,
        model: reranker.info.name,
        queries: lists.length,
        instructive,
        measure: measure.name,
        seed: options.seed,
        settings: fit.settings,
        choice: fitted.choice,
        written,
        epochs,
        bestEpoch: fitted.bestEpoch,
        ...(crossValidation && { crossValidation }),
        others,
        ...(others.length > 0 && { keepingWeight: keepingWeight(fitted.choice.interpolation, others) }),
        seconds: (performance.now() - start) / 1000,
      };
      if (options.json) context.printJson(report);
      else context.print(toMarkdown(report).trimEnd());
      if (options.output) await write(context, { fitted, report, folder: options.output });
    } finally {
      await fitted.close();
    }
  } finally {
    await reranker.close();
  }
}

/** Few judgements would be learnt by heart: numbers of the readout alone are tuned. */
async function tuneInstead(
  context: CliContext,
  options: FitCommandOptions,
  instructive: number,
): Promise<void> {
  context.note(
    `${instructive} queries to learn from, fewer than ${fewestLists}: only the readout's numbers are tuned, as "blockrank tune" does.`,
  );
  const { runTune } = await import('./tune.ts');
  const { data, candidates, model, window, seed, output, json, cache } = options;
  await runTune(context, {
    data: [data],
    candidates,
    queries: Number.MAX_SAFE_INTEGER,
    window,
    trials: 400,
    folds: options.crossValidate ?? 5,
    seed,
    measure: measure.name,
    ...(model !== undefined && { model }),
    ...(output !== undefined && { output }),
    ...(json && { json }),
    ...(cache !== undefined && { cache }),
  });
}

async function listsOf(folder: string, candidates: string, rankWindowSize: number): Promise<FitList[]> {
  const whole = await readCollection(folder);
  const qrels = new Map([...whole.qrels].filter(([queryId]) => whole.queries.has(queryId)));
  const collection = { ...whole, qrels };
  const { run, firstStage } = await candidatesOf(candidates, folder, collection);
  return toFitLists({ collection, candidates: run, firstStage, rankWindowSize });
}

function fitOptions(
  reranker: EncoderReranker,
  lists: readonly FitList[],
  { seed, precedents = true }: FitCommandOptions,
  { signal }: CliContext,
): FitOptions {
  const workers = availableParallelism();
  return { reranker, lists, settings: { ...defaultFitSettings, precedents }, seed, workers, signal };
}

async function crossValidated(
  context: CliContext,
  fit: FitOptions,
  folds: number,
): Promise<FitCrossValidation> {
  const bar = context.progress('cross-validation', folds * fit.lists.length);
  let done = 0;
  try {
    return await crossValidateFit({
      ...fit,
      folds,
      measure,
      onEncoded: () => bar.update(++done),
      onFold: ({ fold }) => {
        done = fold * fit.lists.length;
        bar.update(done);
      },
    });
  } finally {
    bar.stop();
  }
}

async function fittedTo(
  context: CliContext,
  fit: FitOptions,
): Promise<{ fitted: FittedReadout; epochs: FitReport['epochs'] }> {
  const encoding = context.progress('states', fit.lists.length);
  let done = 0;
  try {
    const fitted = await fitReadout({ ...fit, onEncoded: () => encoding.update(++done) });
    return { fitted, epochs: fitted.epochs };
  } finally {
    encoding.stop();
  }
}

async function othersOf(
  context: CliContext,
  fitted: FittedReadout,
  { also = [], alsoCandidates, window }: FitCommandOptions,
): Promise<CostReport[]> {
  const reports: CostReport[] = [];
  const bar = context.progress('other collections', also.length);
  try {
    for (const folder of also) {
      context.signal.throwIfAborted();
      reports.push(await costsOf(fitted, await listsOf(folder, alsoCandidates, window), measure));
      bar.update(reports.length);
    }
  } finally {
    bar.stop();
  }
  return reports;
}

function chosenOf({ choice }: FittedReadout, interpolation: number | undefined): FitChoice {
  return interpolation === undefined ? choice : { ...choice, interpolation };
}

async function write(
  context: CliContext,
  { fitted, report, folder }: { readonly fitted: FittedReadout; report: FitReport; folder: string },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await fitted.save(resolve(folder), report.written);
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(join(folder, 'report.md'), toMarkdown(report));
  context.note(`Wrote ${folder}; use the folder as the model. report.md says what it gains.`);
}

function toWeight(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const weight = Number(text);
  if (text.trim() !== '' && weight >= 0 && weight <= 1) return weight;
  throw problem('interpolation', `expected a number from 0 to 1, got "${text}"`);
}

function assertOutput({ output, model }: FitCommandOptions): void {
  if (output === undefined || model === undefined || resolve(output) !== resolve(model)) return;
  throw problem(
    'output',
    `"${output}" is the model to start from, which would be overwritten; name a new folder`,
  );
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot train', [{ path, message }]);
