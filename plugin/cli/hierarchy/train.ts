/** What `blockrank hierarchy train` does: reads, holds out, trains, writes, measures. */
import type { NamedText, TowerForm } from '../../../engine/index.ts';
import {
  type HierarchyData,
  type HierarchyRecall,
  type HierarchySettings,
  logData,
  measurePair,
  optimiserSchema,
  parseLog,
  saveHierarchy,
  seededRandom,
  shuffled,
  startPair,
  taxonomyData,
  toRecallTable,
  trainHierarchy,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { wrongOption } from '../errors.ts';
import { withProgress } from '../with-progress.ts';
import type { TaxonomyFlags } from './hierarchy-flags.ts';
import { optionText, taxonomyOf } from './taxonomy-source.ts';

/** Values of the options. */
export interface TrainFlags extends TaxonomyFlags {
  readonly log?: string;
  readonly output: string;
  readonly towers: 'text' | 'text-queries' | 'lookup';
  readonly width: number;
  readonly buckets: number;
  readonly steps: number;
  readonly batch: number;
  readonly temperature: number;
  readonly rate: number;
  readonly mask: boolean;
  readonly farShare: number;
  readonly far: number;
  readonly finetune?: true;
  readonly finetuneFrom?: number;
  readonly finetuneSteps: number;
  readonly finetuneTemperature: number;
  readonly finetuneRate: number;
  readonly finetuneKeep: number;
  readonly optimiser: 'adamw' | 'one-sided-shampoo';
  readonly heldOut: number;
  readonly seed: number;
  readonly json?: true;
}

/** Most queries that a report measures: each is compared with every category. */
const mostMeasured = 2000;

/** Steps between two measures of finetuning. */
const measureEvery = 50;

/**
 * Trains, writes the folder, and prints recall by distance.
 *
 * @throws ConfigurationError for options or files that cannot be. @throws TrainingError when a loss is no number.
 */
export async function train(context: CliContext, flags: TrainFlags): Promise<void> {
  const data = await readData(flags);
  const split = splitQueries(data, flags);
  const { width, seed, output } = flags;
  const pair = startPair(data, { forms: towerForms(flags, data), width, seed });
  const settings = settingsOf(flags);
  const steps = settings.pretraining.steps + (settings.finetuning?.steps ?? 0);
  const result = await withProgress(context, 'training', ({ move }) =>
    trainHierarchy(data, settings, {
      pair,
      trained: split.trained,
      validated: split.validated,
      signal: context.signal,
      onStep: (step) => move(step, steps),
    }),
  );
  const heldOut = split.heldOut.map((i) => data.queries[i]!.id);
  await saveHierarchy(output, { nodes: data.documents, ...pair, heldOut });
  const measured = new Map<string, HierarchyRecall>(
    [['trained queries', split.trained] as const, ['held-out queries', split.heldOut] as const].flatMap(
      ([name, places]) =>
        places.length === 0
          ? []
          : [[name, measurePair(pair, data.matches, drawn(places, mostMeasured, seed))] as const],
    ),
  );
  if (flags.json) context.printJson({ ...result, recall: Object.fromEntries(measured) });
  else context.print(`${toRecallTable(measured)}\n${resultLine(result)}`);
  context.note(`Wrote ${output}: ${data.documents.length} categories, ${data.queries.length} queries.`);
}

async function readData(flags: TrainFlags): Promise<HierarchyData> {
  const taxonomy = await taxonomyOf(flags);
  if (flags.log !== undefined) {
    return logData(parseLog(await optionText('--log', flags.log), flags.log), taxonomy);
  }
  if (!taxonomy) throw wrongOption('', 'give --taxonomy <file>, --data <folder> or --log <file>');
  return taxonomyData(taxonomy);
}

/** Places of queries, by what becomes of them. */
interface QuerySplit {
  readonly trained: readonly number[];
  /** Absent where finetuning is stopped by trained queries. */
  readonly validated?: readonly number[];
  readonly heldOut: readonly number[];
}

/** Lookup tables know no query that they were not trained on. */
function splitQueries({ queries }: HierarchyData, { towers, heldOut: share, seed }: TrainFlags): QuerySplit {
  const all = queries.map((_, i) => i);
  const count = towers === 'lookup' ? 0 : Math.floor(share * all.length);
  if (count === 0) return { trained: all, heldOut: [] };
  const order = shuffled(all, seededRandom(seed));
  // Half of what is not trained decides when to stop, so that the other half is measured by nothing that was chosen on it.
  const half = Math.floor(count / 2);
  return { heldOut: order.slice(half, count), validated: order.slice(0, half), trained: order.slice(count) };
}

function towerForms(
  { towers, buckets }: TrainFlags,
  { queries, documents }: HierarchyData,
): { readonly queries: TowerForm; readonly documents: TowerForm } {
  const lookup = (keys: readonly NamedText[]): TowerForm => ({ kind: 'lookup', keys });
  const text: TowerForm = { kind: 'text', buckets };
  return {
    queries: towers === 'lookup' ? lookup(queries) : text,
    documents: towers === 'text' ? text : lookup(documents),
  };
}

function settingsOf(flags: TrainFlags): HierarchySettings {
  const { steps, batch, temperature, rate, mask, far, farShare, optimiser, seed } = flags;
  const common = { batch, masksMatches: mask };
  return {
    pretraining: {
      ...common,
      steps,
      temperature,
      rate,
      ...(farShare > 0 && { resampling: { distance: far, share: farShare } }),
    },
    ...(flags.finetune && {
      finetuning: {
        ...common,
        steps: flags.finetuneSteps,
        temperature: flags.finetuneTemperature,
        rate: flags.finetuneRate,
        // The early stop ends it, not the rate.
        decay: 'constant',
        leastDistance: flags.finetuneFrom ?? far,
        measureEvery,
        keptShare: flags.finetuneKeep,
      },
    }),
    optimiser: optimiserSchema.parse({ kind: optimiser }),
    seed,
  };
}

function drawn(places: readonly number[], count: number, seed: number): readonly number[] {
  return places.length <= count ? places : shuffled(places, seededRandom(seed)).slice(0, count);
}

function resultLine({ loss, bestStep }: { readonly loss: number; readonly bestStep?: number }): string {
  const stopped = bestStep === undefined ? '' : `; the second training was best after ${bestStep} steps`;
  return `Loss ${loss.toFixed(3)}${stopped}.`;
}
