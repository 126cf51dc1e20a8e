/** Runs `blockrank tune`: fits the readout to the user's own judgements. */
import { ConfigurationError, type EncoderReranker, openEncoderReranker } from '../../../engine/index.ts';
import {
  aligned,
  type Collection,
  changedParameters,
  defaultSearchSpace,
  drawSettings,
  encodeLists,
  type JudgedList,
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
import { knownMeasure } from './known-measure.ts';
import { stateCache } from './state-cache.ts';
import { type ManifestPart, writeManifest } from './write-manifest.ts';

/** Values of the options of `tune`. */
export interface TuneCommandOptions {
  readonly data: readonly string[];
  readonly candidates: string;
  readonly model?: string;
  readonly depth?: number;
  readonly queries: number;
  readonly window: number;
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
  const measure = knownMeasure(options.measure, 'Cannot tune');
  const excluded = options.exclude
    ? await readLeaks(options.exclude)
    : new Map<string, ReadonlySet<string>>();
  const reranker = await openEncoderReranker({
    ...(options.model ? { model: options.model } : {}),
    ...(options.depth ? { depth: options.depth } : {}),
    stateCacheBytes: 0,
    warmUp: false,
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
    const { output, depth } = options;
    if (output) {
      const { modelFolder } = reranker;
      const { setting } = result.chosen;
      await writeManifest(context, { modelFolder, output, depth }, (part) => changesOf(setting, part));
    }
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
    options: { candidates: name, window },
  }: {
    readonly folder: string;
    readonly collection: Collection;
    readonly settings: readonly Setting[];
    readonly options: Pick<TuneCommandOptions, 'candidates' | 'window'>;
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
      rankWindowSize: window,
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

function assertEnough(lists: readonly JudgedList[], folds: number): void {
  if (lists.length >= folds) return;
  throw problem(
    'data',
    `expected at least ${folds} queries with both relevant and other documents among their candidates, got ${lists.length}; judge more queries, or give another --candidates`,
  );
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot tune', [{ path, message }]);

/** What a setting changes. Probabilities of relevance read numerators at one temperature; with another one they are left out. */
function changesOf({ fusionWeight, ...readout }: Setting, before: ManifestPart): object {
  const isKept = readout.tokenTau === before.readout?.tokenTau;
  return { readout, fusionWeight, relevance: isKept ? before.relevance : undefined, precedents: undefined };
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
