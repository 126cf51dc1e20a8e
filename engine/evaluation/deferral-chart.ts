/** Deferral curves as SVG. */
import type { Deferral, DeferralPoint } from './deferral.ts';
import { toSvg } from './svg.ts';

/** What a chart shows. */
export interface DeferralChart {
  /** Curves by the routers' names, in the order of the legend. */
  readonly curves: ReadonlyMap<string, Deferral>;
  /** Single rerankers by name, shown as points with their names. */
  readonly singles: ReadonlyMap<string, DeferralPoint>;
  /** What quality is, e.g. `nDCG@10`. */
  readonly measure: string;
}

/** Quality against mean cost: a line a router, a point a single reranker. An SVG. */
export function deferralChart({ curves, singles, measure }: DeferralChart): Promise<string> {
  const lines = [...curves].flatMap(([router, { points }]) => points.map((point) => ({ router, ...point })));
  const points = [...singles].map(([reranker, point]) => ({ reranker, ...point }));
  const x = { field: 'costMs', type: 'quantitative' as const, title: 'milliseconds a request, mean' };
  const y = {
    field: 'quality',
    type: 'quantitative' as const,
    title: measure,
    scale: { zero: false },
  };
  const order = [...curves.keys()];
  return toSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 560,
    height: 360,
    layer: [
      {
        data: { values: lines },
        mark: { type: 'line' },
        encoding: { x, y, color: { field: 'router', type: 'nominal', sort: order, title: null } },
      },
      { data: { values: points }, mark: { type: 'point', filled: true, color: 'black' }, encoding: { x, y } },
      {
        data: { values: points },
        mark: { type: 'text', align: 'left', dx: 5, dy: -5, fontSize: 9 },
        encoding: { x, y, text: { field: 'reranker', type: 'nominal' } },
      },
    ],
  });
}
