/** Trains a hierarchy: pretraining on all distances, and, where asked, finetuning on the far ones. */
import { seededRandom, shuffled } from '../../evaluation/random.ts';
import type { TowerForm } from '../towers/tower.ts';
import type { HierarchyData } from './data.ts';
import { type EncoderPair, startTower } from './encoder-pair.ts';
import { measurePair } from './measure-pair.ts';
import type { HierarchyRecall } from './recall-by-distance.ts';
import type { HierarchySettings } from './settings.ts';
import { type StageContext, trainStage } from './train-stage.ts';

/** How a training starts and is watched. */
export interface HierarchyTraining {
  /** The towers, whose numbers are changed in place: see {@link startPair}. */
  readonly pair: EncoderPair;
  /** Places of the queries that are trained. @defaultValue all */
  readonly trained?: readonly number[] | undefined;
  /**
   * Places of the queries by which finetuning is stopped. @defaultValue at most 2,000 of the trained ones, drawn by the seed:
   * a lookup table knows no others
   */
  readonly validated?: readonly number[] | undefined;
  /** Called after each step, numbered over both stages from 1, with all steps that there will be. */
  readonly onStep?: ((step: number, steps: number, loss: number) => void) | undefined;
  /** Ends the training with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a training came to. */
export interface HierarchyTrainingResult {
  /** Loss of the last step of pretraining. */
  readonly loss: number;
  /** Finetuning's step with the best validation, 0 for none better than before it; absent without finetuning. */
  readonly bestStep?: number;
}

/** Most queries that finetuning is stopped by, unless they are named. */
const mostValidated = 2000;

/** See `EarlyStop.keptShare`. */
const defaultKeptShare = 0.9;

/** Towers with random numbers. */
export function startPair(
  { documents, queries }: Pick<HierarchyData, 'documents' | 'queries'>,
  {
    forms,
    width,
    seed,
  }: {
    readonly forms: { readonly queries: TowerForm; readonly documents: TowerForm };
    readonly width: number;
    readonly seed: number;
  },
): EncoderPair {
  const random = seededRandom(seed);
  return {
    queries: startTower(forms.queries, { texts: queries, width, random }),
    documents: startTower(forms.documents, { texts: documents, width, random }),
  };
}

/** Towers that begin where other ones are; those stay as they are. */
export function copyPair({ queries, documents }: EncoderPair): EncoderPair {
  const copy = <T extends EncoderPair['queries']>(tower: T): T => ({
    ...tower,
    table: { ...tower.table, data: tower.table.data.slice() },
  });
  return { queries: copy(queries), documents: copy(documents) };
}

/**
 * Trains towers in place. Finetuning is measured every so many steps and ends with the numbers of its best measure among
 * those that keep enough at distance 0: long finetuning costs queries their own documents.
 *
 * Source: arXiv:2509.16411, section 5: pretrain on all distances, finetune on far ones with a flat softmax, stop early.
 *
 * @throws ConfigurationError when no pair is as far as a stage asks. @throws TrainingError when a number is not finite.
 */
export async function trainHierarchy(
  { matches }: Pick<HierarchyData, 'matches'>,
  settings: HierarchySettings,
  { pair, trained, validated, onStep, signal }: HierarchyTraining,
): Promise<HierarchyTrainingResult> {
  const { pretraining, finetuning, optimiser, seed } = settings;
  const steps = pretraining.steps + (finetuning?.steps ?? 0);
  const random = seededRandom(seed + 1);
  const context: StageContext = { matches, queries: trained, optimiser, random, signal };
  let loss = Number.NaN;
  await trainStage(pair, pretraining, {
    ...context,
    onStep(step, now) {
      loss = now;
      onStep?.(step, steps, now);
    },
  });
  if (!finetuning) return { loss };
  const known = validated ?? shuffled(trained ?? matches.map((_, i) => i), random).slice(0, mostValidated);
  const { keptShare = defaultKeptShare } = finetuning;
  const best = bestOf(pair, () => measurePair(pair, matches, known), keptShare);
  await trainStage(pair, finetuning, {
    ...context,
    onStep(step, now) {
      onStep?.(pretraining.steps + step, steps, now);
      if (step % finetuning.measureEvery === 0 || step === finetuning.steps) best.measure(step);
    },
  });
  return { loss, bestStep: best.restore() };
}

/** Remembers the numbers of the best measure that keeps enough; those at the beginning are step 0. */
function bestOf(
  { queries, documents }: EncoderPair,
  measure: () => HierarchyRecall,
  keptShare: number,
): { measure(step: number): void; restore(): number } {
  const tables = [queries.table.data, documents.table.data];
  const start = measure();
  const leastOwn = keptShare * ownRecall(start);
  let best = { step: 0, value: start.overall, copies: tables.map((data) => data.slice()) };
  return {
    measure(step) {
      const recall = measure();
      const value = recall.overall;
      if (value > best.value && ownRecall(recall) >= leastOwn)
        best = { step, value, copies: tables.map((data) => data.slice()) };
    },
    restore() {
      for (const [i, data] of tables.entries()) data.set(best.copies[i]!);
      return best.step;
    },
  };
}

/** Recall at distance 0; 0 where no query is to find itself. */
function ownRecall({ byDistance }: HierarchyRecall): number {
  return byDistance.find(({ distance }) => distance === 0)?.recall ?? 0;
}
