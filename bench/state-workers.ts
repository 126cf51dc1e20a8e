/** Encoding for an index with one worker of one thread and with two, states going nowhere. */
import { encodeState, openEncoderReranker, type Reranker, stateCodec } from '../engine/index.ts';
import { textDigest } from '../engine/text-digest.ts';
import { atLeast, type Bench, rounded } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { documentsOf } from './support/texts.ts';

const rounds = 7;
const documents = 128;
const tokens = 128;
/** Documents of one page of a build. */
const page = 64;
const codec = stateCodec('anchor-fp16');

export const stateWorkers: Bench = {
  about: `Encoding ${documents} documents of ${tokens} tokens to stored states that go nowhere, by workers of one thread.`,
  async run() {
    const texts = documentsOf(documents, tokens);
    const [one, two] = [await open(1), await open(2)];
    try {
      const times = await alternate(rounds, { one: () => build(one, texts), two: () => build(two, texts) });
      const perSecond = (values: readonly number[]): number => rounded((1000 * documents) / median(values));
      const ratio = medianRatio(times.one, times.two);
      return {
        figures: {
          documentsPerSecond: { one: perSecond(times.one), two: perSecond(times.two) },
          ratio: rounded(ratio),
        },
        checks: [atLeast('rate of two workers / one', ratio, 1.8)],
      };
    } finally {
      await one.close();
      await two.close();
    }
  },
};

function open(workers: number): ReturnType<typeof openEncoderReranker> {
  return openEncoderReranker({ tier: 'anchor', workers, threads: 1, stateCacheBytes: 0 });
}

/** Two pages under way at once, as the build has them. */
async function build(reranker: Awaited<ReturnType<typeof open>>, texts: readonly string[]): Promise<void> {
  const { encodingDigest } = (reranker as Reranker).info;
  const pages: string[][] = [];
  for (let at = 0; at < texts.length; at += page) pages.push(texts.slice(at, at + page));
  await Promise.all(
    pages.map(async (own) => {
      const candidates = own.map((text) => ({ docId: '', text, segments: [] }));
      const { states } = await reranker.encode({ query: { text: 'a' }, candidates, firstStage: 'unknown' });
      states.forEach((state, i) => {
        encodeState({ encodingDigest, textDigest: textDigest(own[i]!) }, state, codec);
      });
    }),
  );
}
