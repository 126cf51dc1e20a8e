/** Run by the WebGPU test in a process of its own: compares both families on WebGPU with the processor. */
import {
  examineDevice,
  MemoryLimitError,
  openReranker,
  type RerankerOptions,
} from '../../../engine/index.ts';
import { shortlistOf } from '../tiny/shortlist.ts';
import { tinyDecoder } from '../tiny/tiny-decoder.ts';
import { tinyModel } from '../tiny/tiny-model.ts';

const shortlist = shortlistOf(
  'When is the tide highest?',
  'The tide is highest at noon.',
  'Bread rises.',
  'Frost.',
);

async function scores(options: RerankerOptions): Promise<{ provider: string; scores: number[] }> {
  const reranker = await openReranker({ warmUp: false, workers: 1, ...options });
  try {
    const { candidates } = await reranker.rerank(shortlist);
    const inOrder = [...candidates].sort((a, b) => a.index - b.index);
    return { provider: reranker.info.executionProvider, scores: inOrder.map(({ score }) => score) };
  } finally {
    await reranker.close();
  }
}

const models = { encoder: await tinyModel(), decoder: await tinyDecoder() };
const report: Record<string, unknown> = {};
for (const [family, model] of Object.entries(models)) {
  const [cpu, gpu] = [await scores({ model }), await scores({ model, device: 'webgpu', precision: 'fp32' })];
  const difference = Math.max(...cpu.scores.map((score, i) => Math.abs(score - gpu.scores[i]!)));
  report[family] = { provider: gpu.provider, difference };
}
// Not every device has half precision; one without it says so when the graph is loaded, and is not asked for it by default.
const exact = await scores({ model: models.decoder });
report['byDefault'] = (await scores({ model: models.decoder, device: 'webgpu' })).provider;
report['half'] = await scores({ model: models.decoder, device: 'webgpu', precision: 'fp16' }).then(
  (rough) => ({
    difference: Math.max(...exact.scores.map((score, i) => Math.abs(score - rough.scores[i]!))),
  }),
  (error: unknown) => String(error).slice(0, 200),
);
// An encoder takes half precision by itself where the device has it.
const exactly = await scores({ model: models.encoder });
const roughly = await scores({ model: models.encoder, device: 'webgpu' });
report['encoderHalf'] = {
  difference: Math.max(...exactly.scores.map((score, i) => Math.abs(score - roughly.scores[i]!))),
};
// A list that the device has no room for is told before it is run.
const small = await openReranker({
  model: models.decoder,
  device: 'webgpu',
  precision: 'fp32',
  warmUp: false,
  deviceMemoryLimitBytes: 1000,
});
report['refused'] = await small.rerank(shortlist).then(
  () => 'nothing',
  (error: unknown) => (error instanceof MemoryLimitError ? error.memory : String(error)),
);
await small.close();
// Whether `auto` takes the device, and what is known against it.
const automatic = await openReranker({ model: models.encoder, device: 'auto', workers: 1, warmUp: false });
const { notes } = await examineDevice('webgpu', process.env);
report['automatic'] = { provider: automatic.info.executionProvider, notes };
await automatic.close();
console.log(JSON.stringify(report));
