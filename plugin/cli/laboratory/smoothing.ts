/** Runs `blockrank smoothing`. */
import {
  ConfigurationError,
  fusion,
  openReranker,
  type Ranking,
  type Reranker,
} from '../../../engine/index.ts';
import {
  aligned,
  type FitList,
  firstRead,
  fitSmoothing,
  isInstructive,
  type Measure,
  measureFused,
  neighbourEdges,
  readCollection,
  type SmoothingFit,
  type SmoothingLesson,
  toFitLists,
  toSmoothingLesson,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { type ModelFlags, modelSettings } from '../model-options.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import { knownMeasure } from './known-measure.ts';
import { stateCache } from './state-cache.ts';

/** Values of the options of `smoothing`. */
export interface SmoothingCommandOptions extends ModelFlags {
  readonly data: string;
  readonly candidates: string;
  readonly window: number;
  readonly limit?: number;
  readonly neighbours: number;
  readonly edges: 'embeddings' | 'anchors';
  readonly read?: number;
  readonly depth?: number;
  readonly folds: number;
  readonly measure: string;
  readonly json?: true;
  readonly cache?: string | boolean;
}

/** Learns, measures and prints. @throws ConfigurationError for options or data that cannot be. */
export async function runSmoothing(context: CliContext, options: SmoothingCommandOptions): Promise<void> {
  const measure = knownMeasure(options.measure, 'Cannot learn a smoothing');
  const { read, depth, folds } = options;
  if (read !== undefined && depth !== undefined) {
    throw problem('depth', 'expected --read or --depth, not both');
  }
  const model = {
    warmUp: false,
    ...modelSettings(options),
    ...stateCache(context, options.cache),
  };
  const whole = await openReranker(model);
  try {
    const smaller = depth === undefined ? whole : await openReranker({ ...model, depth });
    try {
      const { lessons, full } = await learnable(context, { whole, smaller, measure }, options);
      if (lessons.length < folds) {
        throw problem(
          'data',
          `expected at least ${folds} queries with both relevant and other documents among their candidates, got ${lessons.length}`,
        );
      }
      const fit = fitSmoothing(lessons, { measure, folds });
      if (options.json) context.printJson({ lists: lessons.length, ...fit, ...(depth && { full }) });
      else context.print(toText(fit, { lists: lessons.length, measure, full, options }));
    } finally {
      if (smaller !== whole) await smaller.close();
    }
  } finally {
    await whole.close();
  }
}

interface Rerankers {
  readonly whole: Reranker;
  readonly smaller: Reranker;
  readonly measure: Measure;
}

/** Lessons of all lists that teach something, and the mean of the order that all layers give. */
async function learnable(
  context: CliContext,
  rerankers: Rerankers,
  options: SmoothingCommandOptions,
): Promise<{ lessons: SmoothingLesson[]; full: number }> {
  const { data, candidates: name, window, limit = Number.POSITIVE_INFINITY } = options;
  const collection = await readCollection(data);
  const { run, firstStage } = await candidatesOf(name, data, collection);
  const lists = toFitLists({ collection, candidates: run, firstStage, rankWindowSize: window })
    .filter(isInstructive)
    .slice(0, limit);
  const bar = context.progress('reading', lists.length);
  const lessons: SmoothingLesson[] = [];
  let [done, full] = [0, 0];
  try {
    for (const list of lists) {
      const found = await lessonOf(list, rerankers, { ...options, signal: context.signal });
      bar.update(++done);
      if (!found) continue;
      lessons.push(found.lesson);
      full += found.full;
    }
  } finally {
    bar.stop();
  }
  return { lessons, full: full / lessons.length };
}

async function lessonOf(
  { shortlist, gains, ideal }: FitList,
  { whole, smaller, measure }: Rerankers,
  {
    read,
    neighbours,
    edges,
    signal,
  }: Pick<SmoothingCommandOptions, 'read' | 'neighbours' | 'edges'> & { readonly signal: AbortSignal },
): Promise<{ lesson: SmoothingLesson; full: number } | undefined> {
  const graded = { shortlist, gains, ideal };
  const weight = whole.info.fusionWeight ?? 0;
  const full = await whole.rerank(shortlist, { signal });
  const fused = measureFused(full, graded, { weight, measure });
  const ranking = smaller === whole ? full : await smaller.rerank(shortlist, { signal });
  const part = read === undefined ? ranking : firstRead(full, read);
  const embeddings =
    edges === 'anchors'
      ? await whole.anchors?.(shortlist, { signal })
      : await whole.embedder?.embed(
          shortlist.candidates.map(({ text }) => text),
          { signal },
        );
  if (!embeddings) throw problem('edges', `this model gives no ${edges}; name the other`);
  const lesson = toSmoothingLesson(part, shortlist, {
    gains,
    ideal,
    edges: neighbourEdges(embeddings, neighbours),
    ...(smaller !== whole && { targets: logitsOf(fusion({ weight })(full, shortlist)) }),
    // What time leaves unread keeps its rank.
    ...(read !== undefined && { before: measureFused(part, graded, { weight, measure }) }),
  });
  return lesson && { lesson, full: fused };
}

function logitsOf({ candidates }: Ranking): number[] {
  const logits: number[] = [];
  for (const { index, logit } of candidates) logits[index] = logit;
  return logits;
}

function toText(
  { heldOut, gain, p, isGain, edgeWeight, firstStageWeight }: SmoothingFit,
  {
    lists,
    measure,
    full,
    options: { read, depth, neighbours, edges },
  }: {
    readonly lists: number;
    readonly measure: Measure;
    readonly full: number;
    readonly options: SmoothingCommandOptions;
  },
): string {
  const before = read === undefined ? 'fused' : `first ${read} reranked, the others left`;
  const rows = [
    [measure.name, 'held out'],
    [before, heldOut.before.toFixed(4)],
    ['learnt share of the first stage', heldOut.unaries.toFixed(4)],
    ['smoothed', heldOut.smoothed.toFixed(4)],
    ...(read === undefined && depth === undefined ? [] : [['all read, with all layers', full.toFixed(4)]]),
  ];
  return [
    `${lists} lists`,
    ...aligned(rows),
    `Gain ${gain.mean.toFixed(4)}, standard error ${gain.error.toFixed(4)} (paired t-test p = ${p.toFixed(4)}).`,
    isGain
      ? 'For the configuration file:'
      : 'That is no gain to rely on: leave smoothing off. Learnt all the same:',
    'stage:',
    '  smoothing:',
    `    edgeWeight: ${edgeWeight.toPrecision(3)}`,
    `    firstStageWeight: ${firstStageWeight.toPrecision(3)}`,
    `    neighbours: ${neighbours}`,
    `    edges: ${edges}`,
  ].join('\n');
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot learn a smoothing', [{ path, message }]);
