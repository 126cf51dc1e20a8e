/** Runs `blockrank calibrate`: fits probabilities of relevance to the user's own judgements. */
import { writeFile } from 'node:fs/promises';
import { ConfigurationError, type EncoderReranker, openEncoderReranker } from '../../../engine/index.ts';
import {
  aligned,
  crossValidateRelevance,
  fitRelevance,
  measureRelevance,
  type RelevanceList,
  type RelevanceQuality,
  readCollection,
  relevanceLists,
  seededRandom,
  shuffled,
  toReliabilityDiagram,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import { stateCache } from './state-cache.ts';
import { writeManifest } from './write-manifest.ts';

/** Values of the options of `calibrate`. */
export interface CalibrateCommandOptions {
  readonly data: readonly string[];
  readonly test?: readonly string[];
  readonly candidates: string;
  readonly model?: string;
  readonly precision?: 'fp32' | 'int8' | 'fp16';
  readonly depth?: number;
  readonly queries: number;
  readonly window: number;
  readonly relevantFrom: number;
  readonly seed: number;
  readonly chart?: string;
  readonly output?: string;
  readonly json?: true;
  readonly cache?: string | boolean;
}

/** Fewest judged queries, or with their judged documents alone fewest of those, and of either kind. */
const fewestQueries = 50;
const fewestPairs = 30;
const fewestOfEither = 5;

/** Calibrates, prints, and writes the model where `--output` says. @throws ConfigurationError for options or data that cannot be. */
export async function runCalibrate(context: CliContext, options: CalibrateCommandOptions): Promise<void> {
  const reranker = await openEncoderReranker({
    ...(options.model ? { model: options.model } : {}),
    ...(options.precision ? { precision: options.precision } : {}),
    ...(options.depth ? { depth: options.depth } : {}),
    stateCacheBytes: 0,
    warmUp: false,
    ...stateCache(context, options.cache),
  });
  try {
    const lists = await encodeAll(context, reranker, options.data, options);
    assertEnough(lists, options);
    const { relevance: prior } = reranker;
    const rules = fitRelevance(lists, prior);
    const measured = new Map([['held out', crossValidateRelevance(lists, { prior })]]);
    for (const folder of options.test ?? []) {
      const own = await encodeAll(context, reranker, [folder], options);
      if (own.length === 0) throw problem('test', `expected judged queries with candidates in "${folder}"`);
      measured.set(
        own[0]!.set,
        measureRelevance(own, () => rules),
      );
    }
    const result = { lists: lists.length, rules, measured: Object.fromEntries(measured) };
    if (options.json) context.printJson(result);
    else context.print(toText(lists.length, measured));
    if (options.chart) await writeFile(options.chart, await chartOf(measured));
    const { output, depth } = options;
    const { modelFolder } = reranker;
    if (output) await writeManifest(context, { modelFolder, output, depth }, () => ({ relevance: rules }));
  } finally {
    await reranker.close();
  }
}

async function encodeAll(
  context: CliContext,
  reranker: EncoderReranker,
  folders: readonly string[],
  { candidates: name, window, queries, seed, relevantFrom }: CalibrateCommandOptions,
): Promise<RelevanceList[]> {
  const lists: RelevanceList[] = [];
  for (const folder of folders) {
    const whole = await readCollection(folder);
    const judged = [...whole.qrels].filter(([queryId]) => whole.queries.has(queryId));
    const drawn = shuffled(judged, seededRandom(seed)).slice(0, queries);
    const collection = { ...whole, qrels: new Map(drawn) };
    const { run, firstStage } = await candidatesOf(name, folder, collection);
    const bar = context.progress(collection.name, drawn.length);
    let done = 0;
    const onProgress = (): void => bar.update(++done);
    const { signal } = context;
    const found = { collection, candidates: run, firstStage, rankWindowSize: window, relevantFrom };
    lists.push(
      ...(await relevanceLists({ ...found, reranker, onProgress, signal }).finally(() => bar.stop())),
    );
  }
  return lists;
}

function assertEnough(lists: readonly RelevanceList[], { candidates }: CalibrateCommandOptions): void {
  const labels = lists.flatMap(({ isRelevant }) => isRelevant);
  const isJudged = candidates === 'judged';
  const enough = isJudged ? labels.length >= fewestPairs : lists.length >= fewestQueries;
  if (!enough) {
    throw problem(
      'data',
      isJudged
        ? `expected at least ${fewestPairs} judged documents, got ${labels.length}; judge more`
        : `expected at least ${fewestQueries} judged queries with candidates, got ${lists.length}; judge more, or give --candidates judged, which takes ${fewestPairs} judged documents`,
    );
  }
  const relevant = labels.filter(Boolean).length;
  const either = Math.min(relevant, labels.length - relevant);
  const spread = [true, false].every(
    (kind) => lists.filter(({ isRelevant }) => isRelevant.includes(kind)).length >= 2,
  );
  if (either >= fewestOfEither && spread) return;
  throw problem(
    'data',
    `expected at least ${fewestOfEither} relevant documents and as many others, of two queries or more, got ${relevant} relevant ones of ${labels.length}; judge more queries, or give another --candidates or --window`,
  );
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot calibrate', [{ path, message }]);

function chartOf(measured: ReadonlyMap<string, RelevanceQuality>): Promise<string> {
  const lines = [...measured].flatMap(([name, { hits, lists }]) => [
    [`${name}: documents`, hits] as const,
    ...(lists ? [[`${name}: lists`, lists] as const] : []),
  ]);
  return toReliabilityDiagram(Object.fromEntries(lines));
}

function toText(lists: number, measured: ReadonlyMap<string, RelevanceQuality>): string {
  const number = (value: number | undefined): string => value?.toFixed(3) ?? '-';
  const rows = [...measured].map(([name, { documents, hits, lists: holding }]) => [
    name,
    String(documents.count),
    String(documents.relevant),
    number(hits.error),
    number(hits.auc),
    holding ? String(holding.count) : '-',
    number(holding?.error),
    number(holding?.auc),
  ]);
  const head = ['', 'documents', 'relevant', 'error', 'AUC', 'lists', 'error', 'AUC'];
  return [
    `${lists} lists; expected calibration error (0 is best), and how often what is relevant has the larger probability:`,
    ...aligned([head, ...rows]),
    'Lists: each with its relevant documents, and without them.',
  ].join('\n');
}
