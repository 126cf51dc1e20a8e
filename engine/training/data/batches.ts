/** Which lists a step reads. */
import { shuffled } from '../../evaluation/random.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import { namedRandom } from './seeds.ts';

/** Options of {@link createBatches}. */
export interface BatchOptions {
  /** Lists of a step. */
  readonly size: number;
  /** `mixed`: a step's lists are of any collection; `one-set`: all are of one. @defaultValue 'mixed' */
  readonly mixing?: 'mixed' | 'one-set';
  /** The same seed gives the same steps. @defaultValue 0 */
  readonly seed?: number;
}

/** Steps through lists, epoch after epoch. */
export interface Batches {
  /** Steps in which each list is read once. */
  readonly perEpoch: number;
  /** The lists of a step, counted from 0: a function of the step alone, so that a resumed training goes on as it would have. */
  at(step: number): readonly TrainingList[];
}

/**
 * Steps in which each list is read once an epoch, in another order each time. The last step of an epoch, or of a collection
 * in it, may have fewer lists.
 *
 * @throws RangeError when there are no lists, or a step has none.
 */
export function createBatches(lists: readonly TrainingList[], options: BatchOptions): Batches {
  const { size, mixing = 'mixed', seed = 0 } = options;
  if (!(lists.length > 0 && Number.isInteger(size) && size > 0)) {
    throw new RangeError(
      `createBatches: expected lists and a whole size above 0, got ${lists.length} and ${size}.`,
    );
  }
  const names = [...new Set(lists.map(({ set }) => set))];
  const sets = mixing === 'mixed' ? [lists] : names.map((name) => lists.filter(({ set }) => set === name));
  const perEpoch = sets.reduce((sum, own) => sum + Math.ceil(own.length / size), 0);
  const drawEpoch = (epoch: number): readonly (readonly TrainingList[])[] => {
    const random = namedRandom(seed, 'batches', String(epoch));
    return shuffled(
      sets.flatMap((own) => chunks(shuffled(own, random), size)),
      random,
    );
  };
  let drawn = { epoch: 0, steps: drawEpoch(0) };
  return {
    perEpoch,
    at: (step) => {
      const epoch = Math.floor(step / perEpoch);
      if (drawn.epoch !== epoch) drawn = { epoch, steps: drawEpoch(epoch) };
      return drawn.steps[step % perEpoch]!;
    },
  };
}

const chunks = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));
