/** Quality against cost as SVG. */
import type { PlacedPoint } from './pareto.ts';
import { toSvg } from './svg.ts';

/** A point a way to rank, with its name, and a line through those that none beats; cost on a logarithmic axis. An SVG. */
export function paretoChart(points: readonly PlacedPoint[], measure: string): Promise<string> {
  // A logarithm has no place for what costs nothing.
  const values = points.map(({ name, quality, costMs, isOnFront }) => ({
    name,
    quality,
    costMs: Math.max(costMs, 0.01),
    isOnFront,
  }));
  const x = {
    field: 'costMs',
    type: 'quantitative' as const,
    title: 'milliseconds a list, mean',
    scale: { type: 'log' as const },
  };
  const y = { field: 'quality', type: 'quantitative' as const, title: measure, scale: { zero: false } };
  return toSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 560,
    height: 360,
    data: { values },
    layer: [
      {
        transform: [{ filter: 'datum.isOnFront' }],
        mark: { type: 'line', interpolate: 'step-after', color: 'silver' },
        encoding: { x, y },
      },
      {
        mark: { type: 'point', filled: true },
        encoding: {
          x,
          y,
          color: {
            condition: { test: 'datum.isOnFront', value: 'black' },
            value: 'silver',
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 5, dy: -5, fontSize: 9 },
        encoding: { x, y, text: { field: 'name', type: 'nominal' } },
      },
    ],
  });
}
