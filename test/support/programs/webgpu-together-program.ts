/** Run by the WebGPU test in a process of its own: several rerankers on WebGPU, asked at once. */
import { openReranker, openWorkerPool, type Reranker, type RerankerOptions } from '../../../engine/index.ts';
import { shortlistOf } from '../tiny/shortlist.ts';
import { inBfloat16 } from '../tiny/tiny-bfloat16.ts';
import { tinyDecoder } from '../tiny/tiny-decoder.ts';
import { tinyModel } from '../tiny/tiny-model.ts';

/** Lists asked of each reranker at once. */
const lists = ['When is the tide highest?', 'How does bread rise?', 'What is frost?'].map((query) =>
  shortlistOf(query, 'The tide is highest at noon.', 'Bread rises while it rests.', 'Frost.', ''),
);

async function scoresOf(reranker: Reranker): Promise<number[]> {
  const rankings = await Promise.all(lists.map((list) => reranker.rerank(list)));
  return rankings.flatMap(({ candidates }) =>
    [...candidates].sort((a, b) => a.index - b.index).map(({ score }) => score),
  );
}

const open = (options: RerankerOptions): Promise<Reranker> =>
  openReranker({ warmUp: false, threads: 1, precision: 'fp32', ...options });

async function alone(options: RerankerOptions): Promise<number[]> {
  const reranker = await open(options);
  const scores = await scoresOf(reranker);
  await reranker.close();
  return scores;
}

const encoder = await tinyModel();
const decoder = await tinyDecoder();
const rounded = await inBfloat16(await tinyDecoder());
const pool = openWorkerPool({ workers: 2 });
const settings: Record<string, RerankerOptions> = {
  'an encoder with workers': { model: encoder, workers: 2 },
  'an encoder on a pool': { model: encoder, pool, tier: 'anchor' },
  'a decoder with workers': { model: decoder, workers: 2 },
  'a decoder on a pool': { model: decoder, pool },
  'a bfloat16 decoder': { model: rounded },
};
const names = Object.keys(settings);
const expected: Record<string, number[]> = {};
for (const name of names) {
  const { workers: _, pool: __, ...options } = settings[name]!;
  expected[name] = await alone({ ...options, device: 'cpu', workers: 1 });
}
const rerankers = await Promise.all(names.map((name) => open({ device: 'webgpu', ...settings[name] })));
const given = await Promise.all(rerankers.map(scoresOf));
const report = Object.fromEntries(
  names.map((name, r) => {
    const difference = Math.max(...given[r]!.map((score, i) => Math.abs(score - expected[name]![i]!)));
    return [name, { provider: rerankers[r]!.info.executionProvider, difference }];
  }),
);
await Promise.all(rerankers.map((reranker) => reranker.close()));
await pool.close();
console.log(JSON.stringify(report));
