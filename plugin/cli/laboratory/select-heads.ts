/** Runs `blockrank select-heads`: chooses the attention heads of a decoder that is read without training. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { ConfigurationError, openDecoderReranker } from '../../../engine/index.ts';
import {
  bestWindow,
  type DecoderManifest,
  decoderManifest,
  type IcrScoring,
  type MeasuredHead,
  readCollection,
  seededRandom,
  selectHeads,
  shuffled,
  toDecoderManifestJson,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { candidatesOf } from './evaluate-candidates.ts';

/** Values of the options of `select-heads`. */
export interface SelectHeadsOptions {
  readonly model: string;
  readonly data: string;
  readonly candidates: string;
  readonly queries: number;
  readonly window: number;
  readonly heads: number;
  readonly layers?: number;
  readonly seed: number;
  readonly output?: string;
  readonly json?: true;
}

/** Chooses heads, writes them to the manifest, and prints them. @throws ConfigurationError for a model or data that cannot be. */
export async function select(context: CliContext, options: SelectHeadsOptions): Promise<void> {
  const { file, manifest } = await decoderManifest(options.model);
  const before = icrOf(manifest, file);
  const reranker = await openDecoderReranker({ model: options.model, warmUp: false });
  try {
    const heads = await measureHeads(context, options, { reranker, firstLayer: before.layers.from });
    if (heads.length === 0) {
      throw problem('data', 'expected queries with both relevant and other documents among their candidates');
    }
    const scoring = chosen(heads, before, options);
    const target = options.output ?? file;
    const json = toDecoderManifestJson({ ...manifest, scoring });
    await writeFile(target, `${JSON.stringify(json, undefined, 2)}\n`);
    if (options.json) context.printJson({ output: target, scoring, heads: heads.slice(0, options.heads) });
    else context.print(toText(heads.slice(0, options.heads)));
    context.note(`Wrote ${target}`);
  } finally {
    await reranker.close();
  }
}

/** The reading of the model's manifest, with all heads of its layers. */
function icrOf({ scoring }: DecoderManifest, file: string): IcrScoring {
  if (scoring.method === 'icr') {
    if (!scoring.heads) return scoring;
    throw problem('model', `its heads were chosen already; to choose anew, take "${file}" away`);
  }
  throw problem('model', `it was trained to rank (${file}); heads are chosen for models that were not`);
}

async function measureHeads(
  context: CliContext,
  options: SelectHeadsOptions,
  { reranker, firstLayer }: Pick<Parameters<typeof selectHeads>[0], 'reranker' | 'firstLayer'>,
): Promise<MeasuredHead[]> {
  if (!existsSync(options.data)) throw problem('data', `there is no folder "${options.data}"`);
  const whole = await readCollection(options.data);
  const left = [...whole.qrels].filter(([queryId]) => whole.queries.has(queryId));
  const sample = shuffled(left, seededRandom(options.seed)).slice(0, options.queries);
  const collection = { ...whole, qrels: new Map(sample) };
  const { run: candidates, firstStage } = await candidatesOf(options.candidates, options.data, collection);
  const bar = context.progress('queries', sample.length);
  try {
    return await selectHeads({
      reranker,
      firstLayer,
      collection,
      candidates,
      firstStage,
      rankWindowSize: options.window,
      seed: options.seed,
      onProgress: (done) => bar.update(done),
      signal: context.signal,
    });
  } finally {
    bar.stop();
  }
}

function chosen(heads: readonly MeasuredHead[], before: IcrScoring, options: SelectHeadsOptions): IcrScoring {
  if (options.layers !== undefined) {
    return { ...before, layers: bestWindow(heads, options.layers), heads: undefined };
  }
  const best = heads.slice(0, options.heads);
  const layers = best.map(({ layer }) => layer);
  return {
    ...before,
    layers: { from: Math.min(...layers), to: Math.max(...layers) + 1 },
    heads: best.map(({ layer, head }) => [layer, head]),
  };
}

function toText(heads: readonly MeasuredHead[]): string {
  return heads
    .map(({ layer, head, mean }) => `${`${layer}-${head}`.padEnd(7)} ${mean.toFixed(4)}`)
    .join('\n');
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot select heads', [{ path, message }]);
