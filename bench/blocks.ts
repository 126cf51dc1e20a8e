/** Block attention against full attention, and how its cost grows with the list. */

import { toOnnx } from '../engine/graph/onnx.ts';
import { openEncoderReranker } from '../engine/index.ts';
import { encoderGraph } from '../engine/network/encoder.ts';
import { toEncoderFeeds } from '../engine/network/encoder-inputs.ts';
import { type GraphSession, openSession } from '../engine/session/runtime.ts';
import { fileParameters } from '../engine/weights/file-parameters.ts';
import { atLeast, type Bench, rounded, threads } from './support/bench.ts';
import { openDefaultModel } from './support/default-model.ts';
import { alternate, linearity, median, medianRatio } from './support/measure.ts';
import { documentsOf, question, shortlistOf } from './support/texts.ts';

const rounds = 5;
const documents = 100;
/** 100 documents of this length: full attention then takes 4.6 GB for the logits of one layer. */
const tokens = 96;
const listLengths = [25, 50, 100, 200, 350, 500];
const listTokens = 64;

export const blocks: Bench = {
  about: `One pass over ${documents} documents of ${tokens} tokens as blocks and as one text, same graph, weights and threads.`,
  async run(note) {
    const { block, full } = await timePasses(note);
    const growth = await timeGrowth(note);
    const ratio = medianRatio(full, block);
    return {
      figures: {
        documents,
        tokensEach: tokens,
        blockMs: rounded(median(block)),
        fullMs: rounded(median(full)),
        fullOverBlock: rounded(ratio),
        msByDocuments: growth.byLength,
        linearity: rounded(growth.r2, 5),
      },
      checks: [
        atLeast('full attention / block attention', ratio, 4.7),
        atLeast('linear from 25 to 500 documents, R^2', growth.r2, 0.995),
      ],
    };
  },
};

/** The same session runs both: as a batch of blocks, and as a single block that holds all their tokens. */
async function timePasses(note: (text: string) => void): Promise<{ block: number[]; full: number[] }> {
  const { config, weights } = await openDefaultModel();
  const graph = encoderGraph(config, fileParameters(weights.table), { precision: 'fp32' });
  const session = await openSession(toOnnx(graph), {
    folder: weights.folder,
    threads,
    prepack: true,
  });
  const ids = Array.from({ length: documents }, (_, d) =>
    Int32Array.from({ length: tokens }, (_id, j) => 1000 + ((d * 7919 + j * 104_729) % 20_000)),
  );
  const asBlocks = { ...toEncoderFeeds(ids, config, 0) };
  const asOne = toEncoderFeeds([Int32Array.from(ids.flatMap((block) => [...block]))], config, 0);
  // The model knows 512 positions; what stands there does not change the time.
  const positions = BigInt64Array.from({ length: documents * tokens }, (_, j) =>
    BigInt(j % config.positions),
  );
  const asText = { ...asOne, positions: { ...asOne.positions, data: positions } as typeof asOne.positions };
  note(`one text of ${documents * tokens} tokens, ${rounds} times`);
  const run = (feeds: Parameters<GraphSession['run']>[0]) => () => session.run(feeds, ['states']);
  try {
    return await alternate(rounds, { block: run(asBlocks), full: run(asText) });
  } finally {
    await session.release();
  }
}

/** Cold reranking of longer and longer lists. */
async function timeGrowth(
  note: (text: string) => void,
): Promise<{ byLength: Record<number, number>; r2: number }> {
  note(`lists of ${listLengths.join(', ')} documents`);
  const reranker = await openEncoderReranker({ stateCacheBytes: 0, workers: threads });
  let seed = 0;
  const contenders = listLengths.map((length) => {
    const texts = documentsOf(length, listTokens);
    return [String(length), () => reranker.rerank(shortlistOf(question(seed++), texts))] as const;
  });
  try {
    const times = await alternate(rounds, Object.fromEntries(contenders));
    const medians = listLengths.map((length) => median(times[String(length)]!));
    return {
      byLength: Object.fromEntries(listLengths.map((length, i) => [length, rounded(medians[i]!)])),
      r2: linearity(listLengths, medians),
    };
  } finally {
    await reranker.close();
  }
}
