/** Runs `blockrank tune`: fits the readout to the user's own judgements. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigurationError, type EncoderReranker, openEncoderReranker } from '../../../engine/index.ts';
import {
  aligned,
  type Collection,
  changedParameters,
  defaultSearchSpace,
  drawSettings,
  encodeLists,
  type JudgedList,
  parseMeasure,
  readCollection,
  readLeaks,
  type Setting,
  seededRandom,
  shuffled,
  type TuneResult,
  tune,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import { stateCache } from './state-cache.ts';

/** Values of the options of `tune`. */
export interface TuneCommandOptions {
  readonly data: readonly string[];
  readonly candidates: string;
  readonly model?: string;
  readonly modelDepth?: number;
  readonly queries: number;
  readonly depth: number;
  readonly trials: number;
  readonly folds: number;
  readonly seed: number;
  readonly measure: string;
  readonly exclude?: string;
  readonly output?: string;
  readonly json?: true;
  readonly cache?: string | boolean;
}

/** Tunes, prints, and writes the tuned model where `--output` says. @throws ConfigurationError for options or data that cannot be. */
export async function runTune(context: CliContext, options: TuneCommandOptions): Promise<void> {
  const measure = knownMeasure(options.measure);
  const excluded = options.exclude
    ? await readLeaks(options.exclude)
    : new Map<string, ReadonlySet<string>>();
  const reranker = await openEncoderReranker({
    ...(options.model ? { model: options.model } : {}),
    ...(options.modelDepth ? { depth: options.modelDepth } : {}),
    stateCacheBytes: 0,
    ...stateCache(context, options.cache),
  });
  try {
    const settings = drawSettings(startOf(reranker), defaultSearchSpace, options);
    const lists: JudgedList[] = [];
    for (const folder of options.data) {
      const collection = sample(await readCollection(folder), excluded, options);
      lists.push(...(await encode(context, reranker, { folder, collection, settings, options })));
    }
    assertEnough(lists, options.folds);
    const bar = context.progress('settings', settings.length);
    const result = await tune({
      lists,
      settings,
      folds: options.folds,
      measure,
      onProgress: (done) => bar.update(done),
      signal: context.signal,
    }).finally(() => bar.stop());
    if (options.json) context.printJson({ lists: lists.length, trials: settings.length, ...result });
    else context.print(toText(result, { lists, trials: settings.length, measure: measure.name }));
    if (options.output) await writeModel(context, reranker, options, result.chosen.setting);
  } finally {
    await reranker.close();
  }
}

const startOf = ({ readout, info }: EncoderReranker): Setting => ({
  ...readout,
  fusionWeight: info.fusionWeight ?? 0,
});

async function encode(
  context: CliContext,
  reranker: EncoderReranker,
  {
    folder,
    collection,
    settings,
    options: { candidates: name, depth },
  }: {
    readonly folder: string;
    readonly collection: Collection;
    readonly settings: readonly Setting[];
    readonly options: Pick<TuneCommandOptions, 'candidates' | 'depth'>;
  },
): Promise<JudgedList[]> {
  const bar = context.progress(collection.name, collection.qrels.size);
  let done = 0;
  try {
    const { run, firstStage } = await candidatesOf(name, folder, collection);
    return await encodeLists({
      collection,
      candidates: run,
      firstStage,
      depth,
      reranker,
      tokenTaus: [...new Set(settings.map(({ tokenTau }) => tokenTau))],
      onProgress: () => bar.update(++done),
      signal: context.signal,
    });
  } finally {
    bar.stop();
  }
}

/** Queries drawn at random, without the excluded ones. */
function sample(
  collection: Collection,
  excluded: ReadonlyMap<string, ReadonlySet<string>>,
  { queries, seed }: Pick<TuneCommandOptions, 'queries' | 'seed'>,
): Collection {
  const out = excluded.get(collection.name);
  const left = [...collection.qrels].filter(
    ([queryId]) => collection.queries.has(queryId) && !out?.has(queryId),
  );
  return { ...collection, qrels: new Map(shuffled(left, seededRandom(seed)).slice(0, queries)) };
}

function knownMeasure(name: string): ReturnType<typeof parseMeasure> {
  try {
    return parseMeasure(name);
  } catch (error) {
    throw problem('measure', error instanceof Error ? error.message : String(error));
  }
}

function assertEnough(lists: readonly JudgedList[], folds: number): void {
  if (lists.length >= folds) return;
  throw problem(
    'data',
    `expected at least ${folds} queries with both relevant and other documents among their candidates, got ${lists.length}; judge more queries, or give another --candidates`,
  );
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot tune', [{ path, message }]);

/** Copies the model that was tuned, unless it is the folder itself, and writes its manifest. */
async function writeModel(
  context: CliContext,
  reranker: EncoderReranker,
  { output = '', modelDepth }: Pick<TuneCommandOptions, 'output' | 'modelDepth'>,
  setting: Setting,
): Promise<void> {
  const { modelFolder } = reranker;
  const folder = resolve(output);
  if (folder !== modelFolder) await cp(modelFolder, folder, { recursive: true });
  const manifest = JSON.parse(await readFile(join(modelFolder, 'blockrank.json'), 'utf8')) as ManifestFile;
  const tuned = withSetting(manifest, setting, modelDepth);
  await writeFile(join(folder, 'blockrank.json'), `${JSON.stringify(tuned, undefined, 2)}\n`);
  context.note(`Wrote ${join(output, 'blockrank.json')}; use the folder as the model.`);
}

/** What a tuned `blockrank.json` changes. */
interface ManifestFile {
  readonly readout: Setting;
  readonly relevance?: object;
  readonly depths?: Readonly<Record<string, { readonly relevance?: object }>>;
}

/** Probabilities of relevance read numerators at one temperature; with another one they are left out. */
function withSetting(
  manifest: ManifestFile,
  { fusionWeight, ...readout }: Setting,
  depth: number | undefined,
): object {
  const relevanceOf = ({ relevance }: { readonly relevance?: object }): object | undefined =>
    readout.tokenTau === manifest.readout.tokenTau ? relevance : undefined;
  const kept = depth === undefined ? undefined : manifest.depths?.[depth];
  if (depth === undefined || !kept) {
    return { ...manifest, readout, fusionWeight, relevance: relevanceOf(manifest) };
  }
  const own = { ...kept, readout, fusionWeight, relevance: relevanceOf(kept) };
  return { ...manifest, depths: { ...manifest.depths, [depth]: own } };
}

function toText(
  { start, best, chosen, crossValidated }: TuneResult,
  { lists, trials, measure }: { readonly lists: readonly JudgedList[]; trials: number; measure: string },
): string {
  const sets = Object.keys(start.bySet);
  const row = (name: string, { mean, bySet }: TuneResult['start']): string[] => [
    name,
    mean.toFixed(4),
    ...sets.map((set) => bySet[set]!.toFixed(4)),
  ];
  const table = aligned([
    [measure, 'mean', ...sets],
    row('start', start),
    row('best', best),
    row('chosen', chosen),
  ]);
  const changes = changedParameters(start.setting, chosen.setting).map(
    (name) => `  ${name}: ${JSON.stringify(start.setting[name])} -> ${JSON.stringify(chosen.setting[name])}`,
  );
  const { start: before, chosen: after, p, isGain } = crossValidated;
  return [
    `${lists.length} lists of ${sets.length} collections, ${trials} settings`,
    ...table,
    `On held-out lists: start ${before.toFixed(4)}, chosen by the same rule ${after.toFixed(4)} (paired t-test p = ${p.toFixed(4)}).`,
    isGain ? 'Changes:' : 'That is no gain to rely on: parameters stay, the calibration is fitted. Changes:',
    ...changes,
  ].join('\n');
}
