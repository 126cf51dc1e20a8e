/** Results as a table for people and as JSON for programs. */
import { averageOver, type CollectionResult, type MeasuredSystem } from './evaluate-collection.ts';
import type { LengthBias } from './length-bias.ts';

/** One system's results as JSON; measures by name. */
export interface JsonSystem {
  /** Means over queries. */
  readonly measures: Readonly<Record<string, number>>;
  /** 95 % confidence intervals. */
  readonly intervals: Readonly<Record<string, readonly [number, number]>>;
  /** Against the first system; empty for it. */
  readonly pValues: Readonly<Record<string, Partial<Pick<MeasuredSystem, 'tTest' | 'randomisation'>>>>;
  /** Values by query id. */
  readonly perQuery: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A collection's results as JSON. */
export interface JsonResult {
  /** Name of the collection. */
  readonly dataset: string;
  /** Name of the first stage. */
  readonly candidates: string;
  /** Queries that count. */
  readonly n: number;
  /** Whether systems prefer long documents. */
  readonly lengthBias: LengthBias;
  /** Results by system. */
  readonly rerankers: Readonly<Record<string, JsonSystem>>;
}

/** Results as plain data: `{ dataset, candidates, n, lengthBias, rerankers: { NAME: { measures, intervals, pValues, perQuery } } }`. */
export function toJsonResult(result: CollectionResult, candidates: string): JsonResult {
  const rerankers = [...result.measured].map(([name, byMeasure]) => {
    const each = [...byMeasure];
    return [
      name,
      {
        measures: Object.fromEntries(each.map(([measure, value]) => [measure, value.mean])),
        intervals: Object.fromEntries(
          each.map(([measure, { low, high }]) => [measure, [low, high] as const]),
        ),
        pValues: Object.fromEntries(
          each.map(([measure, { tTest, randomisation }]) => [
            measure,
            tTest === undefined || randomisation === undefined ? {} : { tTest, randomisation },
          ]),
        ),
        perQuery: Object.fromEntries(
          each.map(([measure, { perQuery }]) => [measure, Object.fromEntries(perQuery)]),
        ),
      },
    ] as const;
  });
  const { dataset, n, lengthBias } = result;
  return { dataset, candidates, n, lengthBias, rerankers: Object.fromEntries(rerankers) };
}

/** A table of one collection: a line a system, each measure with its interval and p-value against the first line. */
export function toTable(result: CollectionResult): string {
  const measures = [...(result.measured.values().next().value?.keys() ?? [])];
  const head = [
    'reranker',
    ...measures.flatMap((measure) => [measure, '95 % interval', 'p (t)', 'p (random)']),
  ];
  const body = [...result.measured].map(([name, byMeasure]) => [
    name,
    ...measures.flatMap((measure) => {
      const { mean, low, high, tTest, randomisation } = byMeasure.get(measure)!;
      return [decimals(mean), `${decimals(low)}-${decimals(high)}`, pValue(tTest), pValue(randomisation)];
    }),
  ]);
  return [`${result.dataset} (n = ${result.n})`, ...aligned([head, ...body])].join('\n');
}

/** Whether systems prefer long documents, in one line. */
export function toLengthLine({
  lengthBias: { systems, relevant },
}: Pick<CollectionResult, 'lengthBias'>): string {
  const each = Object.entries(systems).map(([name, ratio]) => `${name} ${ratio.toFixed(2)}`);
  return `Length of the first 10 over the list's: ${each.join(', ')}; of the relevant: ${relevant.toFixed(2)}.`;
}

/** A table of several collections: a line a system, a column a collection, and their average. */
export function toSummary(results: readonly CollectionResult[], measure: string): string {
  const averages = averageOver(results, measure);
  const head = [measure, ...results.map(({ dataset }) => dataset), 'average'];
  const body = [...averages].map(([name, average]) => [
    name,
    ...results.map(({ measured }) => decimals(measured.get(name)?.get(measure)?.mean ?? 0)),
    decimals(average),
  ]);
  return aligned([head, ...body]).join('\n');
}

const decimals = (value: number): string => value.toFixed(4);
const pValue = (value: number | undefined): string =>
  value === undefined ? '' : value < 0.0001 ? '<.0001' : value.toFixed(4);

/**
 * Rows as lines, each column as wide as its widest cell.
 *
 * @param options - `numbers`: whether all columns but the first stand to the right. @defaultValue false
 */
export function aligned(
  rows: readonly (readonly string[])[],
  { numbers = false }: { readonly numbers?: boolean } = {},
): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const padded = (cell: string, column: number): string =>
    numbers && column > 0 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return rows.map((row) => row.map(padded).join('  ').trimEnd());
}
