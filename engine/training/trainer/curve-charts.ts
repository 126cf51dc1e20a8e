/** Curves as SVG. */
import type { TopLevelSpec } from 'vega-lite';
import { toSvg } from '../../evaluation/svg.ts';
import type { CurvePoint } from './curve.ts';

/** Most points of one line: more are averaged, so that a long training stays readable and small. */
const maxPoints = 400;

/** Lines of fewer points show each. */
const markedPoints = 80;

interface Row {
  readonly step: number;
  readonly series: string;
  readonly value: number;
}

/** Loss and its parts by step, an SVG; long curves as means of consecutive steps. */
export function lossChart(curve: readonly CurvePoint[]): Promise<string> {
  const steps = curve.filter((point) => point.kind === 'step');
  const names = Object.keys(steps[0]?.parts ?? {});
  const rows = thinned(steps).flatMap((group) => {
    const { step } = group.at(-1)!;
    const mean = (of: (point: (typeof group)[number]) => number): number =>
      group.reduce((sum, point) => sum + of(point), 0) / group.length;
    const parts = names.map((name) => ({ step, series: name, value: mean(({ parts: by }) => by[name]!) }));
    return [{ step, series: 'loss', value: mean(({ loss }) => loss) }, ...parts];
  });
  return lineChart(rows, { title: 'loss', order: ['loss', ...names] });
}

/** The development measure by step: of each collection, and their mean where there are several. An SVG. */
export function developmentChart(curve: readonly CurvePoint[], measure: string): Promise<string> {
  const points = curve.filter((point) => point.kind === 'development');
  const sets = Object.keys(points[0]?.bySet ?? {});
  const rows = points.flatMap(({ step, value, bySet }) => [
    ...(sets.length > 1 ? [{ step, series: 'mean', value }] : []),
    ...sets.map((set) => ({ step, series: set, value: bySet[set]! })),
  ]);
  return lineChart(rows, { title: measure, order: ['mean', ...sets] });
}

function thinned<T>(points: readonly T[]): T[][] {
  const size = Math.max(1, Math.ceil(points.length / maxPoints));
  const count = Math.ceil(points.length / size);
  return Array.from({ length: count }, (_, i) => points.slice(i * size, (i + 1) * size));
}

async function lineChart(
  values: readonly Row[],
  { title, order }: { readonly title: string; readonly order: readonly string[] },
): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values: [...values] },
    width: 560,
    height: 300,
    mark: { type: 'line', point: values.length < markedPoints },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'step' },
      y: { field: 'value', type: 'quantitative', title, scale: { zero: false } },
      color: { field: 'series', type: 'nominal', sort: [...order], title: null },
    },
  };
  return toSvg(spec);
}
