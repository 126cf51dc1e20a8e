/** An optimiser from its settings. */
import type { TrainedTensor, TrainedTensors } from '../trainer/trainee.ts';
import { adamWRule } from './adamw.ts';
import { isPreconditioned, oneSidedShampooRule } from './one-sided-shampoo.ts';
import type { Optimiser } from './optimiser.ts';
import type { OptimiserSettings } from './settings.ts';
import { type TensorRule, zeros } from './tensor-rule.ts';

/** Largest sum of squares that a gradient may have: averages of squares are kept in float32. */
const maxSquares = 3.4e38;
/** Name of the count of steps among the state. */
const stepsName = 'steps';

/**
 * An optimiser over these tensors, which it changes in place. Equal gradients in equal order give equal numbers, bit by bit,
 * also after `restore` of a state that was written down.
 *
 * State: `steps`, and each tensor's own under `<tensor>.<state>`.
 *
 * @param rateFactors - Learning-rate factor by name of a tensor; 1 for those it does not name.
 */
export function createOptimiser(
  settings: OptimiserSettings,
  tensors: TrainedTensors,
  rateFactors: Readonly<Record<string, number>> = {},
): Optimiser {
  const rules = new Map([...tensors].map(([name, tensor]) => [name, ruleOf(tensor, settings)] as const));
  const steps = zeros([]);
  const state = new Map([[stepsName, steps], ...[...rules].flatMap(([name, rule]) => named(name, rule))]);
  return {
    state,
    step(gradients, rate) {
      checkGradients(gradients, tensors);
      steps.data[0]! += 1;
      for (const [name, rule] of rules) {
        const { shape, data } = tensors.get(name)!;
        const direction = rule.direction(gradients.get(name)!, steps.data[0]!);
        const ownRate = rate * (rateFactors[name] ?? 1);
        // Decoupled decay: it never passes through the rule's averages (arXiv:1711.05101).
        const decay = shape.length >= 2 ? settings.weightDecay : 0;
        for (let i = 0; i < data.length; i += 1) data[i]! -= ownRate * (direction[i]! + decay * data[i]!);
      }
    },
    restore: (saved) => restore(state, saved),
  };
}

function ruleOf(tensor: TrainedTensor, settings: OptimiserSettings): TensorRule {
  const isShampoo = settings.kind === 'one-sided-shampoo' && isPreconditioned(tensor.shape, settings);
  return isShampoo ? oneSidedShampooRule(tensor, settings) : adamWRule(tensor, settings);
}

function named(tensor: string, { state }: TensorRule): (readonly [string, TrainedTensor])[] {
  return Object.entries(state).map(([name, each]) => [`${tensor}.${name}`, each] as const);
}

/** Refuses gradients before anything changes. @throws RangeError */
function checkGradients(gradients: ReadonlyMap<string, Float32Array>, tensors: TrainedTensors): void {
  for (const [name, { data }] of tensors) {
    const gradient = gradients.get(name);
    if (gradient?.length !== data.length) {
      const found = gradient ? `${gradient.length}` : 'none';
      throw new RangeError(
        `step: expected a gradient of ${data.length} numbers for "${name}", got ${found}.`,
      );
    }
    let squares = 0;
    for (let i = 0; i < gradient.length; i += 1) squares += gradient[i]! * gradient[i]!;
    if (!(squares <= maxSquares)) {
      throw new RangeError(`step: expected a finite gradient for "${name}" whose squares fit float32.`);
    }
  }
}

/** Takes numbers over where every name and shape agrees, or changes nothing. @throws RangeError */
function restore(state: TrainedTensors, saved: TrainedTensors): void {
  const wrong = [...new Set([...state.keys(), ...saved.keys()])].filter(
    (name) => String(state.get(name)?.shape) !== String(saved.get(name)?.shape),
  );
  if (wrong.length > 0) {
    const names = wrong.map((name) => `"${name}"`).join(', ');
    throw new RangeError(
      `restore: the state is another optimiser's or of other tensors; it differs in ${names}.`,
    );
  }
  for (const [name, { data }] of state) data.set(saved.get(name)!.data);
}
