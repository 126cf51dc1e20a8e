/** Reranking long documents whose anchors are there: what their length adds to a search. */
import { type BlockState, memorySource, openEncoderReranker } from '../engine/index.ts';
import { textDigest } from '../engine/text-digest.ts';
import { atMost, type Bench, rounded, threads } from './support/bench.ts';
import { alternate, median, percentile } from './support/measure.ts';
import { documentsOf, question, shortlistOf } from './support/texts.ts';
import { uniformRandom } from './support/uniform-random.ts';

const rounds = 15;
const documents = 100;
const lengths = [128, 1000, 4000, 8192];
/** Own tokens of a block, and of the next one without what it repeats. */
const [ownTokens, stepTokens] = [158, 126];

export const longDocuments: Bench = {
  about: `Reranking ${documents} documents with anchors at hand, by their length. The anchors are made up: only time is measured.`,
  async run(note) {
    const source = memorySource({ maxBytes: 2 ** 30 });
    const reranker = await openEncoderReranker({ tier: 'anchor', workers: threads, stateSource: source });
    const { encodingDigest } = reranker.info;
    let seed = 0;
    const asks: Record<string, () => Promise<unknown>> = {};
    for (const tokens of lengths) {
      const texts = documentsOf(documents, tokens, tokens);
      const keys = texts.map((text) => ({ encodingDigest, textDigest: textDigest(text) }));
      await source.putMany(keys.map((key, i) => [key, stateOf(tokens, reranker.width, i)] as const));
      asks[tokens] = async () => {
        const { usage } = await reranker.rerank(shortlistOf(question(seed++), texts));
        if (usage.statesFound !== documents) throw new Error(`found ${usage.statesFound} states`);
      };
    }
    note(`${rounds} rounds`);
    const times = await alternate(rounds, asks);
    await reranker.close();
    const ms = Object.fromEntries(
      lengths.map((tokens) => [
        tokens,
        { median: rounded(median(times[tokens]!)), p95: rounded(percentile(times[tokens]!, 0.95)) },
      ]),
    );
    return {
      figures: { documents, msByDocumentTokens: ms },
      checks: [
        atMost('100 known documents of 4,000 tokens with anchors, milliseconds', median(times[4000]!), 60),
      ],
    };
  },
};

/** A state of as many blocks as a text of so many tokens has, with anchors in random directions. */
function stateOf(tokens: number, width: number, seed: number): BlockState {
  const blocks = 1 + Math.max(0, Math.ceil((tokens - ownTokens) / stepTokens));
  const random = uniformRandom(seed + 1);
  const anchors = Float32Array.from({ length: blocks * width }, () => random());
  for (let block = 0; block < blocks; block += 1) {
    const row = anchors.subarray(block * width, (block + 1) * width);
    const length = Math.hypot(...row);
    row.forEach((value, i) => {
      row[i] = value / length;
    });
  }
  return { width, blockTokens: new Array(blocks).fill(ownTokens + 2), anchors, truncatedTokens: 0 };
}
