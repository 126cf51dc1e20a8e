/** A list as blocks up to the scoring layer: the whole and its steps, beside its products alone. */
import { rounded } from '../../support/bench.ts';
import { openDecoderProducts } from '../../support/decoder-products.ts';
import { decoderShapes } from '../../support/decoder-shape.ts';
import { linearity, median, steady, timed } from '../../support/measure.ts';
import { OneRunPasses } from '../../support/one-run-passes.ts';
import {
  type BlockPasses,
  type BlockTimes,
  Passes,
  passageLengths,
  textTokens,
} from '../../support/passes.ts';
import { type DecoderSetup, decoderSetup } from '../decoder-setup.ts';
import type { Figures, Part, PartOptions } from '../part.ts';

/** Documents of the list that the best batch is chosen by, if it is among those that are timed. */
const choosingDocuments = 100;

export const block: Part<'block'> = async (options, say) => {
  const { lists, even } = options.sizes;
  const setup = await decoderSetup(options);
  const products = await timeProducts(options, setup);
  const passes = options.path === 'one-run' ? new OneRunPasses(setup) : new Passes(setup);
  const { scoringLayer } = decoderShapes[options.shape];
  say({ openingMs: rounded(await timed(() => passes.open(scoringLayer))) });
  const reading = { passes, options, batchTokens: await bestBatch(passes, options, say) };
  const times: number[] = [];
  for (const count of lists) {
    const figures = await timeList(reading, passageLengths(count), products.get(count)!);
    times.push(figures['ms'] as number);
    say({ byDocuments: { [count]: figures } });
  }
  if (lists.length > 2) say({ linearity: rounded(linearity(lists, times), 6) });
  if (even) {
    const lengths = Array.from({ length: even.documents }, () => even.tokens);
    say({ even: { ...even, ...(await timeList(reading, lengths, null)) } });
  }
  await passes.release();
};

/** The batch that is fastest; 0 where everything is one run. */
async function bestBatch(
  passes: BlockPasses,
  { path, shape, rounds, sizes }: PartOptions<'block'>,
  say: Parameters<Part<'block'>>[1],
): Promise<number> {
  if (path === 'one-run') return 0;
  const { lists, batchTokens } = sizes;
  const lengths = passageLengths(lists.includes(choosingDocuments) ? choosingDocuments : lists[0]!);
  let best = { size: 0, ms: Number.POSITIVE_INFINITY };
  for (const size of batchTokens) {
    const ms = await steady(rounds, () => passes.blocks(lengths, decoderShapes[shape].scoringLayer, size));
    say({ byBatchTokens: { [size]: rounded(ms) } });
    if (ms < best.ms) best = { size, ms };
  }
  return best.size;
}

/** Milliseconds of the products of each list; the session is freed before the next one takes the card's memory. */
async function timeProducts(
  { shape, rounds, sizes }: PartOptions<'block'>,
  { parts, session }: DecoderSetup,
): Promise<Map<number, number>> {
  const products = await openDecoderProducts(parts, decoderShapes[shape].scoringLayer, session);
  const times = new Map<number, number>();
  for (const count of sizes.lists) {
    const tokens = textTokens(passageLengths(count));
    times.set(count, await steady(rounds, () => products.run(tokens)));
  }
  await products.release();
  return times;
}

/** How lists are read. */
interface Reading {
  readonly passes: BlockPasses;
  readonly options: PartOptions<'block'>;
  readonly batchTokens: number;
}

/** Medians over the rounds; `productsMs` is null where it was not timed. */
async function timeList(
  { passes, options: { shape, rounds, copies }, batchTokens }: Reading,
  lengths: readonly number[],
  productsMs: number | null,
): Promise<Figures> {
  const { scoringLayer } = decoderShapes[shape];
  const first = await passes.blocks(lengths, scoringLayer, batchTokens);
  const runs: BlockTimes[] = [];
  for (let round = 0; round < rounds; round += 1) {
    runs.push(await passes.blocks(lengths, scoringLayer, batchTokens));
  }
  const ms = median(runs.map((run) => run.ms));
  const bytes = passes.blockBytes(lengths, scoringLayer, batchTokens);
  const steps = Object.keys(first.steps).map((step) => {
    const time = median(runs.map((run) => run.steps[step]!));
    return [step, rounded(time)] as const;
  });
  return {
    tokens: textTokens(lengths),
    ...(batchTokens > 0 && { batchTokens }),
    firstMs: rounded(first.ms),
    ms: rounded(ms, 5),
    ...Object.fromEntries(steps),
    tokensPerSecond: Math.round((textTokens(lengths) * 1000) / ms),
    productsMs: productsMs && rounded(productsMs, 5),
    productsShare: productsMs && rounded(productsMs / ms),
    bytesUp: bytes.up,
    bytesDown: bytes.down,
    // Reckoned from what copies alone take.
    copyMs:
      copies && rounded(bytes.up / copies.upGBPerSecond / 1e6 + bytes.down / copies.downGBPerSecond / 1e6),
  };
}
