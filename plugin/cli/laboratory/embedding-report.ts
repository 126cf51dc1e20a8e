/** What `blockrank embedding-report` does: reads rows, embeds them, measures. */
import { ConfigurationError, type Embeddings, openEmbedder } from '../../../engine/index.ts';
import {
  type EmbeddingQuality,
  embeddingQuality,
  noiseRows,
  randomWordRows,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import type { ModelFlags } from '../model-options.ts';
import { type ReportRow, type ReportRowOptions, reportRows } from './report-rows.ts';
import { readVectors } from './vector-file.ts';

/** Values of the options. */
export interface EmbeddingReportOptions extends Pick<ModelFlags, 'model'>, ReportRowOptions {
  readonly embeddings?: readonly string[];
  readonly sizes: string;
  readonly seeds: number;
  readonly json?: true;
}

const known = ['free', 'random', 'noise'];

/** Prints the report. @throws ConfigurationError for options or files that do not fit together. */
export async function embeddingReport(context: CliContext, options: EmbeddingReportOptions): Promise<void> {
  const sizes = knownSizes(options.sizes);
  const names = options.embeddings ?? known;
  const wrong = names.filter((name) => !known.includes(name) && !/^[^=]+=./.test(name));
  if (wrong.length > 0) {
    throw problem(
      'embeddings',
      `expected ${known.join(', ')} or NAME=FILE, got ${wrong.map((name) => JSON.stringify(name)).join(', ')}`,
    );
  }
  const rows = await reportRows(options);
  if (Math.max(...sizes) * 2 > rows.length) {
    throw problem(
      'sizes',
      `clusters of ${Math.max(...sizes)} need twice as many rows, and there are ${rows.length}`,
    );
  }
  const hasSources = new Set(rows.map(({ source }) => source)).size > 1;
  const measured = {
    losses: rows.map(({ loss }) => loss),
    ...(hasSources && { sources: rows.map(({ source }) => source) }),
  };
  const report: Record<string, readonly EmbeddingQuality[]> = {};
  const bar = context.progress('measuring', names.length);
  try {
    for (const [i, name] of names.entries()) {
      context.signal.throwIfAborted();
      const embeddings = await embeddingsOf(context, name, { rows, options });
      report[name.replace(/=.*/, '')] = embeddingQuality(embeddings, measured, {
        sizes,
        seeds: options.seeds,
      });
      bar.update(i + 1);
    }
  } finally {
    bar.stop();
  }
  if (options.json) context.printJson({ rows: rows.length, embeddings: report });
  else context.print(toText(report, { rows: rows.length, of: options.of }));
}

async function embeddingsOf(
  { signal }: CliContext,
  name: string,
  { rows, options }: { readonly rows: readonly ReportRow[]; readonly options: EmbeddingReportOptions },
): Promise<Embeddings> {
  const texts = rows.map(({ text }) => text);
  if (name === 'free') return (await openEmbedder({ model: options.model })).embed(texts, { signal });
  if (name === 'random') return randomWordRows(texts);
  if (name === 'noise') return noiseRows(rows.length);
  return readVectors(
    name.slice(name.indexOf('=') + 1),
    rows.map(({ id }) => id),
  );
}

function toText(
  report: Readonly<Record<string, readonly EmbeddingQuality[]>>,
  { rows, of }: { readonly rows: number; readonly of: string },
): string {
  const names = Object.keys(report);
  const width = Math.max(10, ...names.map((name) => name.length)) + 2;
  const sizes = Object.values(report)[0]!.map(({ size }) => size);
  const table = (title: string, read: (quality: EmbeddingQuality) => number | undefined): string[] => [
    `\n${title}`,
    `${'cluster of'.padEnd(width)}${sizes.map((size) => String(size).padStart(8)).join('')}`,
    ...names.map(
      (name) =>
        `${name.padEnd(width)}${report[name]!.map((each) => (read(each) ?? 0).toFixed(3).padStart(8)).join('')}`,
    ),
  ];
  const hasPurity = Object.values(report)[0]![0]?.purity !== undefined;
  return [
    `${rows} ${of}`,
    ...table('variance reduction (noise: 1)', (each) => each.varianceReduction),
    ...(hasPurity ? table('purity by source', (each) => each.purity) : []),
  ].join('\n');
}

function knownSizes(list: string): readonly number[] {
  const sizes = list.split(',').map(Number);
  if (sizes.every((size) => Number.isInteger(size) && size >= 2)) return sizes;
  throw problem('sizes', `expected whole numbers from 2, separated by commas, got "${list}"`);
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot report on embeddings', [{ path, message }]);
