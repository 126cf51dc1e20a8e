/** A list as blocks up to the scoring layer: the whole and its steps, beside its products alone. */
import { rounded } from '../../support/bench.ts';
import { openDecoderProducts } from '../../support/decoder-products.ts';
import { decoderShapes } from '../../support/decoder-shape.ts';
import { linearity, median, steady, timed } from '../../support/measure.ts';
import { listTokens, Passes, passageLengths } from '../../support/passes.ts';
import { type DecoderSetup, decoderSetup } from '../decoder-setup.ts';
import type { Figures, Part, PartOptions } from '../part.ts';

/** Documents of the list that the best batch is chosen by, if it is among those that are timed. */
const choosingDocuments = 100;

export const block: Part<'block'> = async (options, say) => {
  const { lists, even, batchTokens } = options.sizes;
  const setup = await decoderSetup(options);
  const products = await timeProducts(options, setup);
  const passes = new Passes(setup);
  const { scoringLayer } = decoderShapes[options.shape];
  const choosing = passageLengths(lists.includes(choosingDocuments) ? choosingDocuments : lists[0]!);
  const first = await timed(() => passes.blocks(choosing, scoringLayer, batchTokens[0]));
  say({ openingAndFirstMs: rounded(first) });
  const byBatch = new Map<number, number>();
  for (const size of batchTokens) {
    byBatch.set(size, await steady(options.rounds, () => passes.blocks(choosing, scoringLayer, size)));
    say({ byBatchTokens: { [size]: rounded(byBatch.get(size)!) } });
  }
  const [best] = [...byBatch].reduce((a, b) => (b[1] < a[1] ? b : a));
  const times: number[] = [];
  for (const count of lists) {
    const figures = await timeList(
      { passes, options, batchTokens: best },
      passageLengths(count),
      products.get(count)!,
    );
    times.push(figures['ms'] as number);
    say({ byDocuments: { [count]: figures } });
  }
  if (lists.length > 2) say({ linearity: rounded(linearity(lists, times), 6) });
  if (even) {
    const lengths = Array.from({ length: even.documents }, () => even.tokens);
    say({ even: { ...even, ...(await timeList({ passes, options, batchTokens: best }, lengths, null)) } });
  }
  await passes.release();
};

/** Milliseconds of the products of each list; the session is freed before the next one takes the card's memory. */
async function timeProducts(
  { shape, rounds, sizes }: PartOptions<'block'>,
  { parts, session }: DecoderSetup,
): Promise<Map<number, number>> {
  const products = await openDecoderProducts(parts, decoderShapes[shape].scoringLayer, session);
  const times = new Map<number, number>();
  for (const count of sizes.lists) {
    const tokens = tokensOf(passageLengths(count));
    times.set(count, await steady(rounds, () => products.run(tokens)));
  }
  await products.release();
  return times;
}

const tokensOf = (lengths: readonly number[]): number =>
  lengths.reduce((sum, length) => sum + length, listTokens.instruction + listTokens.query);

/** Medians over the rounds; `productsMs` is null where it was not timed. */
async function timeList(
  {
    passes,
    options: { shape, rounds, copies },
    batchTokens,
  }: { readonly passes: Passes; readonly options: PartOptions<'block'>; readonly batchTokens: number },
  lengths: readonly number[],
  productsMs: number | null,
): Promise<Figures> {
  const { scoringLayer } = decoderShapes[shape];
  await passes.blocks(lengths, scoringLayer, batchTokens);
  const runs = [];
  for (let round = 0; round < rounds; round += 1) {
    runs.push(await passes.blocks(lengths, scoringLayer, batchTokens));
  }
  const ms = median(runs.map((run) => run.instructionMs + run.documentsMs + run.queryMs));
  const bytes = passes.blockBytes(lengths, scoringLayer, batchTokens);
  return {
    tokens: tokensOf(lengths),
    batchTokens,
    ms: rounded(ms, 5),
    instructionMs: rounded(median(runs.map((run) => run.instructionMs))),
    documentsMs: rounded(median(runs.map((run) => run.documentsMs))),
    queryMs: rounded(median(runs.map((run) => run.queryMs))),
    tokensPerSecond: Math.round((tokensOf(lengths) * 1000) / ms),
    productsMs: productsMs && rounded(productsMs, 5),
    productsShare: productsMs && rounded(productsMs / ms),
    bytesUp: bytes.up,
    bytesDown: bytes.down,
    // Reckoned from what copies alone take.
    copyMs:
      copies && rounded(bytes.up / copies.upGBPerSecond / 1e6 + bytes.down / copies.downGBPerSecond / 1e6),
  };
}
