/** Whether probabilities are as often right as they say. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { mean } from './measures.ts';

/** Predictions of one range of probabilities. */
export interface ReliabilityBin {
  /** Mean of the probabilities, in [0, 1]. */
  readonly predicted: number;
  /** Share of the predictions that came true, in [0, 1]. */
  readonly observed: number;
  /** How many predictions there are, at least 1. */
  readonly count: number;
}

/** How far probabilities can be trusted. */
export interface Reliability {
  /** Ranges of equal width that hold a prediction, ascending. */
  readonly bins: readonly ReliabilityBin[];
  /** Expected calibration error: mean distance of prediction and observation over the bins, by their counts; in [0, 1]. */
  readonly error: number;
}

/**
 * Parts predictions into ranges of equal width and compares.
 *
 * @param probabilities - In [0, 1].
 * @param labels - What came true, in the same order.
 * @param width - How many ranges, at least 1. @defaultValue 10
 * @throws RangeError for lists of different lengths or of none, or a probability outside [0, 1].
 *
 * Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; Guo et
 * al., "On calibration of modern neural networks", ICML 2017, equation 3.
 */
export function reliabilityOf(
  probabilities: readonly number[],
  labels: readonly boolean[],
  width = 10,
): Reliability {
  if (probabilities.length === 0 || probabilities.length !== labels.length) {
    throw new RangeError(
      `reliabilityOf: expected a label for each of some probabilities, got ${labels.length} and ${probabilities.length}.`,
    );
  }
  const wrong = probabilities.find((p) => !(p >= 0 && p <= 1));
  if (wrong !== undefined)
    throw new RangeError(`reliabilityOf: expected probabilities in [0, 1], got ${wrong}.`);
  const rangeOf = (p: number): number => Math.min(width - 1, Math.floor(p * width));
  const bins = Array.from({ length: width }, (_, range) => {
    const own = [...probabilities.keys()].filter((i) => rangeOf(probabilities[i]!) === range);
    return {
      predicted: mean(own.map((i) => probabilities[i]!)),
      observed: mean(own.map((i) => Number(labels[i]))),
      count: own.length,
    };
  }).filter(({ count }) => count > 0);
  const error = bins.reduce(
    (sum, { predicted, observed, count }) => sum + Math.abs(predicted - observed) * count,
    0,
  );
  return { bins, error: error / probabilities.length };
}

/** An SVG diagram: what was predicted against what was observed, a line a collection, points by count. */
export async function toReliabilityDiagram(lines: Readonly<Record<string, Reliability>>): Promise<string> {
  const values = Object.entries(lines).flatMap(([name, { bins, error }]) =>
    bins.map((bin) => ({ ...bin, name: `${name} (error ${error.toFixed(3)})` })),
  );
  const scale = { domain: [0, 1] };
  const x = { field: 'predicted', type: 'quantitative' as const, title: 'probability', scale };
  const y = { field: 'observed', type: 'quantitative' as const, title: 'share relevant', scale };
  const color = { field: 'name', type: 'nominal' as const, title: null };
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 320,
    height: 320,
    layer: [
      {
        data: { values: [{ at: 0 }, { at: 1 }] },
        mark: { type: 'line', strokeDash: [4, 4], color: 'grey' },
        encoding: { x: { field: 'at', type: 'quantitative' }, y: { field: 'at', type: 'quantitative' } },
      },
      { data: { values }, mark: 'line', encoding: { x, y, color } },
      {
        data: { values },
        mark: 'point',
        encoding: { x, y, color, size: { field: 'count', type: 'quantitative', title: 'documents' } },
      },
    ],
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
