/** Results as a bar chart with error bars. */
import type { TopLevelSpec } from 'vega-lite';
import type { CollectionResult } from './evaluate-collection.ts';
import { toSvg } from './svg.ts';

/** An SVG bar chart of one measure: a group a collection, a bar a system, 95 % intervals. */
export async function toChart(results: readonly CollectionResult[], measure: string): Promise<string> {
  const values = results.flatMap(({ dataset, measured }) =>
    [...measured].flatMap(([reranker, byMeasure]) => {
      const value = byMeasure.get(measure);
      return value ? [{ dataset, reranker, mean: value.mean, low: value.low, high: value.high }] : [];
    }),
  );
  const order = [...(results[0]?.measured.keys() ?? [])];
  const x = { field: 'reranker', type: 'nominal' as const, sort: order, title: null };
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values },
    facet: {
      column: { field: 'dataset', type: 'nominal', title: null, sort: results.map(({ dataset }) => dataset) },
    },
    spec: {
      width: 26 * order.length,
      height: 220,
      layer: [
        {
          mark: 'bar',
          encoding: {
            x,
            y: { field: 'mean', type: 'quantitative', title: measure, scale: { domain: [0, 1] } },
            color: { field: 'reranker', type: 'nominal', sort: order, title: null },
          },
        },
        {
          mark: { type: 'rule', strokeWidth: 1.5, clip: true },
          encoding: { x, y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
        },
      ],
    },
  };
  return toSvg(spec);
}
