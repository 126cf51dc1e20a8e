/** Gradients of a network against differences along directions that follow no pattern of its own. */
import { expect } from 'vitest';
import type { TensorValue } from '../../../engine/graph/tensor.ts';
import { gradientOf } from '../../../engine/training/training-graph.ts';

/** A loss by weights: gradients and `loss` among its outputs, or the terms that the loss is the sum of. */
export interface DirectionalCheck {
  /** Weights by name. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Those whose gradients are checked. */
  readonly names: readonly string[];
  /** Runs the graph with weights from `at`. */
  readonly run: (
    at: (name: string) => Float32Array,
    outputs: string[],
  ) => Promise<Readonly<Record<string, TensorValue>>>;
  /** Looks at the length of a gradient. */
  readonly onNorm: (name: string, norm: number) => void;
}

/** Expects each weight's slope along a direction to be the difference of the loss there. */
export async function expectSlopes({ weights, names, run, onNorm }: DirectionalCheck): Promise<void> {
  const answer = await run((name) => weights.get(name)!, names.map(gradientOf));
  for (const name of names) {
    const gradient = answer[gradientOf(name)]!.data as Float32Array;
    const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    // Along the gradient, and turned away from it by signs that follow no pattern of the network's.
    const direction = gradient.map((value, i) => (value / norm) * ((i * 7) % 5 === 0 ? -1 : 1));
    const slope = direction.reduce((sum, value, i) => sum + value * gradient[i]!, 0);
    const step = 0.02;
    const lossAt = async (by: number): Promise<number> => {
      const moved = weights.get(name)!.map((value, i) => value + by * direction[i]!);
      const { loss } = await run((each) => (each === name ? moved : weights.get(each)!), ['loss']);
      return Float64Array.from(loss!.data as Float32Array).reduce((sum, term) => sum + term, 0);
    };
    const difference = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
    // The loss is float32 of about 1 to 10: 5e-7 over a step of .04 is 1e-5; the third derivative adds to slopes of .1 to 100.
    expect(Math.abs(difference - slope), `${name}: ${difference} for ${slope}`).toBeLessThan(
      2e-4 + 0.01 * norm,
    );
    onNorm(name, norm);
  }
}
