/** `blockrank select-heads`: chooses the attention heads of a decoder that is read without training. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
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
import type { CliContext, MakeCommand } from '../context.ts';
import { wholeNumber } from '../option-values.ts';
import { candidatesOf } from './evaluate-candidates.ts';

interface SelectHeadsOptions {
  readonly model: string;
  readonly data: string;
  readonly candidates: string;
  readonly queries: number;
  readonly depth: number;
  readonly heads: number;
  readonly window?: number;
  readonly seed: number;
  readonly output?: string;
  readonly json?: true;
}

const help = `
Examples:
  $ blockrank select-heads --model ~/models/SmolLM2-135M-Instruct --data my-judgements --heads 8
  $ blockrank select-heads --model model.gguf --data my-judgements --window 4 --output blockrank.json

Each head orders each list by itself, over shuffled documents; the heads with the largest mean nDCG@10 are written to
the model's blockrank.json. With --window, all heads of the best run of layers instead. Layers above the last one
chosen are not computed any more. Never choose heads on what you report.`;

/** Makes the command. */
export const selectHeadsCommand: MakeCommand = (context) =>
  new Command('select-heads')
    .description(
      'Chooses the heads of a decoder that tell relevant documents from others; needs no training.',
    )
    .requiredOption('--model <folder>', 'decoder folder, or a GGUF file')
    .requiredOption('--data <folder>', 'a collection with judgements')
    .option(
      '--candidates <name>',
      'first stage: bm25 or another candidates-NAME.tsv, embedded, judged',
      'embedded',
    )
    .option('--queries <n>', 'queries, drawn at random', wholeNumber({ min: 1 }), 32)
    .option('--depth <n>', 'candidates of a query', wholeNumber({ min: 2 }), 20)
    .option('--heads <n>', 'heads to keep', wholeNumber({ min: 1 }), 16)
    .option('--window <n>', 'keep all heads of the best n layers in a row instead', wholeNumber({ min: 1 }))
    .option('--seed <n>', 'decides every draw', wholeNumber({ min: 0 }), 1)
    .option('--output <file>', "where to write the manifest (default: the model's blockrank.json)")
    .option('--json', 'print the heads as JSON')
    .addHelpText('after', help)
    .action((options: SelectHeadsOptions) => select(context, options));

async function select(context: CliContext, options: SelectHeadsOptions): Promise<void> {
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

/** How the model is read now, all heads of its layers. */
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
      depth: options.depth,
      seed: options.seed,
      onProgress: (done) => bar.update(done),
      signal: context.signal,
    });
  } finally {
    bar.stop();
  }
}

function chosen(heads: readonly MeasuredHead[], before: IcrScoring, options: SelectHeadsOptions): IcrScoring {
  if (options.window !== undefined) {
    return { ...before, layers: bestWindow(heads, options.window), heads: undefined };
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
