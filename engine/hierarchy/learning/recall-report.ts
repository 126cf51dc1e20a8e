/** Recall by distance of several retrievers, as a table and as a chart. */
import { aligned } from '../../evaluation/report.ts';
import { toSvg } from '../../evaluation/svg.ts';
import type { HierarchyRecall } from './recall-by-distance.ts';

/** Recalls by the retriever's name. */
export type NamedRecalls = ReadonlyMap<string, HierarchyRecall>;

/** A line a retriever, a column a distance; then the share of all pairs, and the smallest of the distances. */
export function toRecallTable(recalls: NamedRecalls): string {
  const distances = distancesOf(recalls);
  const head = ['recall at distance', ...distances.map(String), 'overall', 'least', 'queries', 'pairs'];
  const body = [...recalls].map(([name, { byDistance, overall, least, queries, pairs }]) => {
    const found = new Map(byDistance.map(({ distance, recall }) => [distance, recall]));
    const cells = distances.map((distance) => decimals(found.get(distance)));
    return [name, ...cells, decimals(overall), decimals(least), String(queries), String(pairs)];
  });
  return aligned([head, ...body]).join('\n');
}

/** An SVG line chart: recall over distance, a line a retriever. */
export async function toRecallChart(recalls: NamedRecalls): Promise<string> {
  const values = [...recalls].flatMap(([retriever, { byDistance }]) =>
    byDistance.map(({ distance, recall }) => ({ retriever, distance, recall })),
  );
  return toSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values },
    width: 420,
    height: 240,
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'distance', type: 'ordinal', title: 'distance', axis: { labelAngle: 0 } },
      y: { field: 'recall', type: 'quantitative', scale: { domain: [0, 1] } },
      color: { field: 'retriever', type: 'nominal', sort: [...recalls.keys()], title: null },
    },
  });
}

function distancesOf(recalls: NamedRecalls): readonly number[] {
  const all = [...recalls.values()].flatMap(({ byDistance }) => byDistance.map(({ distance }) => distance));
  return [...new Set(all)].sort((a, b) => a - b);
}

const decimals = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(3));
