/** The weighted sum of losses that a recipe names. */
import { ConfigurationError } from '../../errors.ts';
import * as g from '../../graph/operations/index.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { scalar, type Value } from '../../graph/value.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import { divergence, listNet } from './distributions.ts';
import { infoNce } from './info-nce.ts';
import { lambdaLoss } from './lambda-loss.ts';
import type { ListLoss } from './list-loss.ts';
import type { LossesRecipe, LossName, LossOptions } from './losses-recipe.ts';
import { marginMse, rankNet } from './pairs.ts';

/** Losses of one list as values of the trained graph. */
export interface LossValues {
  /** The weighted sum, float32 `[]`. */
  readonly loss: Value;
  /** Each loss before it is weighted, float32 `[]`, by name; those of the network itself by theirs. */
  readonly parts: Readonly<Record<string, Value>>;
}

/** What is made smaller. */
export interface Losses {
  /** Whether a loss reads `TrainingList.teacherLogits`. */
  readonly needsTeacher: boolean;
  /** Whether a loss reads `TrainingList.startLogits`. */
  readonly needsStart: boolean;
  /**
   * The losses of one list.
   *
   * @param logits - Of its documents, float32 `['documents']`.
   * @param ownLosses - See `Trainee.ownLosses`. @throws ConfigurationError when the recipe names one that is not there.
   */
  values(logits: Value, ownLosses?: Readonly<Record<string, Value>>): LossValues;
  /** What the losses' inputs are fed for one list. @throws TrainingListError when a loss cannot read the list. */
  toFeeds(list: TrainingList): Readonly<Record<string, TensorValue>>;
}

/** Exhaustive: a name without a maker does not compile. */
const makers: { readonly [Name in LossName]: (name: string, options: LossOptions[Name]) => ListLoss } = {
  infoNce,
  distillation: (name, options) => divergence(name, 'teacherLogits', options),
  anchor: (name, options) => divergence(name, 'startLogits', options),
  marginMse,
  rankNet,
  lambdaLoss,
  listNet,
};

/**
 * Losses from the part of a recipe that `lossesSchema` checked. Names of inputs begin with `loss.`.
 */
export function createLosses({ own = {}, ...recipe }: LossesRecipe): Losses {
  const names = (Object.keys(makers) as LossName[]).filter((name) => recipe[name]);
  const losses = new Map(names.map((name) => [name, makeLoss(name, recipe)]));
  const hides = names.some((name) => recipe[name]!.hidden === 'above-positives');
  return {
    needsTeacher: hides || losses.has('distillation') || losses.has('marginMse'),
    needsStart: losses.has('anchor'),
    values: (logits, ownLosses = {}) => {
      assertOwnLosses(own, ownLosses);
      const weighed = [
        ...names.map((name) => [name, losses.get(name)!.value(logits), recipe[name]!.weight] as const),
        ...Object.entries(own).map(([name, weight]) => [name, ownLosses[name]!, weight] as const),
      ];
      return {
        loss: weighed
          .map(([, value, weight]) => (weight === 1 ? value : g.multiply(value, scalar(weight))))
          .reduce((sum, value) => g.add(sum, value)),
        parts: Object.fromEntries(weighed.map(([name, value]) => [name, value])),
      };
    },
    toFeeds: (list) => Object.assign({}, ...[...losses.values()].map((loss) => loss.feeds(list))),
  };
}

function makeLoss<Name extends LossName>(
  name: Name,
  recipe: { readonly [Each in LossName]?: LossOptions[Each] | undefined },
): ListLoss {
  return makers[name](`loss.${name}`, recipe[name]!);
}

function assertOwnLosses(
  wanted: Readonly<Record<string, number>>,
  given: Readonly<Record<string, Value>>,
): void {
  const names = Object.keys(given);
  const issues = Object.keys(wanted)
    .filter((name) => !Object.hasOwn(given, name))
    .map((name) => ({
      path: `own.${name}`,
      message: `expected a loss of the trained network, which has ${names.length > 0 ? names.join(', ') : 'none'}`,
    }));
  if (issues.length > 0) throw new ConfigurationError('Cannot make the losses', issues);
}
