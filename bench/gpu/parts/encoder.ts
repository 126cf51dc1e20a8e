/** The shipped encoder on a device: cold and warm lists by batch, and whether its order is the processor's. */
import { type EncoderReranker, openEncoderReranker, type Ranking } from '../../../engine/index.ts';
import { rounded, threads } from '../../support/bench.ts';
import { median, percentile, timed } from '../../support/measure.ts';
import { documentsOf, question, shortlistOf } from '../../support/texts.ts';
import type { Figures, Part, PartOptions } from '../part.ts';

/** Tokens of a document. */
const documentTokens = 128;

/** States of 500 documents of 128 tokens several times over, so that none is let go. */
const stateCacheBytes = 2 ** 31;

export const encoder: Part<'encoder'> = async (options, say) => {
  const { documents, batchTokens } = options.sizes;
  for (const size of batchTokens) {
    let reranker: EncoderReranker | undefined;
    const openingMs = await timed(async () => {
      reranker = await open(options, size);
    });
    say({ openingMsByBatchTokens: { [size]: rounded(openingMs) } });
    for (const count of documents) {
      const times = await timesOf(reranker!, count, options);
      say({ byDocuments: { [count]: { byBatchTokens: { [size]: times } } } });
    }
    await reranker!.close();
  }
  await compareOrder(options, say);
};

function open(
  { device, precision = 'fp32' }: Pick<PartOptions, 'device'> & { readonly precision?: 'fp32' | 'fp16' },
  batchTokens: number,
): Promise<EncoderReranker> {
  return openEncoderReranker({ device, precision, batchTokens, workers: threads, stateCacheBytes });
}

async function timesOf(
  reranker: EncoderReranker,
  count: number,
  { rounds, sizes }: PartOptions<'encoder'>,
): Promise<Figures> {
  let seed = 0;
  const ask = (texts: readonly string[]): Promise<Ranking> =>
    reranker.rerank(shortlistOf(question(seed++), texts));
  const known = documentsOf(count, documentTokens);
  const firstMs = await timed(() => ask(known));
  const cold: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const texts = documentsOf(count, documentTokens, round + 1);
    cold.push(await timed(() => ask(texts)));
  }
  const warm: number[] = [];
  for (let run = 0; run < sizes.warmRuns; run += 1) warm.push(await timed(() => ask(known)));
  return {
    firstMs: rounded(firstMs),
    coldMs: rounded(median(cold)),
    coldTokensPerSecond: Math.round((count * documentTokens * 1000) / median(cold)),
    warmP50Ms: rounded(median(warm)),
    warmP95Ms: rounded(percentile(warm, 0.95)),
  };
}

/** Documents whose words differ, so that their scores do; a rank may differ between equal scores alone. */
async function compareOrder(
  options: PartOptions<'encoder'>,
  say: Parameters<Part<'encoder'>>[1],
): Promise<void> {
  if (options.device === 'cpu') return;
  const [count] = options.sizes.documents;
  const list = shortlistOf(question(0), documentsOf(count!, documentTokens));
  const rankings: Ranking[] = [];
  for (const each of [options, { device: 'cpu' } as const]) {
    const reranker = await open(each, options.sizes.batchTokens[0]!);
    rankings.push(await reranker.rerank(list));
    await reranker.close();
  }
  const [own, processor] = rankings.map(({ candidates }) => candidates);
  const scores = new Map(processor!.map(({ index, score }) => [index, score]));
  const differences = own!.map(({ index, score }) => Math.abs(score - scores.get(index)!));
  say({
    besideProcessor: {
      isSameOrder: own!.every(({ index }, rank) => index === processor![rank]!.index),
      largestScoreDifference: rounded(Math.max(...differences)),
    },
  });
}
