/**
 * A residual as the feeds of a graph. Programs of one thread whose residuals have the same form share one session, and one
 * copy of numbers in the thread's own memory, which is filled anew when another of them runs: a thread runs one task at a
 * time. So a further residual costs its numbers once, however many threads there are.
 */
import type { TensorValue } from '../../graph/tensor.ts';
import type { ResidualFile } from '../../model/residual-file.ts';
import { type Residual, residualInputs, residualShapes } from '../../network/residuals.ts';

/** A residual as workers are given it; structured-cloneable, its numbers shared. */
export type SharedResidual = Pick<ResidualFile, 'form' | 'sizes' | 'numbers' | 'digest'>;

/** The residual of a graph, as inputs. */
export function residualOf({ form, sizes }: SharedResidual): Residual {
  const inputs = residualInputs(form, sizes);
  return { form, parameters: (name) => inputs[name]! };
}

interface Held {
  readonly numbers: Float32Array;
  readonly feeds: Readonly<Record<string, TensorValue>>;
  /** Whose numbers they are. */
  digest: string;
}

/** By form and sizes. */
const held = new Map<string, Held>();

/** Feeds of a residual, valid until the thread asks for another's; none where there is no residual. */
export function residualFeeds(residual: SharedResidual | undefined): Readonly<Record<string, TensorValue>> {
  if (!residual) return {};
  const { form, sizes, numbers, digest } = residual;
  const key = JSON.stringify([form, sizes]);
  const copy = held.get(key) ?? makeCopy(residual);
  held.set(key, copy);
  if (copy.digest !== digest) {
    copy.numbers.set(numbers);
    copy.digest = digest;
  }
  return copy.feeds;
}

function makeCopy({ form, sizes, numbers: { length } }: SharedResidual): Held {
  const numbers = new Float32Array(length);
  const feeds: Record<string, TensorValue> = {};
  let at = 0;
  for (const [name, shape] of residualShapes(form, sizes)) {
    const count = shape.reduce((product, axis) => product * axis, 1);
    feeds[name] = { type: 'float32', shape, data: numbers.subarray(at, at + count) };
    at += count;
  }
  return { numbers, feeds, digest: '' };
}
