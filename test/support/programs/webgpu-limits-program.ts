/**
 * Run by the WebGPU test in a process of its own: a list that a device has room for in one run, in batches, or not at
 * all, by the limit that is set.
 */
import { type MemoryLimitError, openDecoderReranker } from '../../../engine/index.ts';
import { openDecoderFolder } from '../../../engine/model/decoder-folder.ts';
import { readPromptTools } from '../../../engine/model/prompt-tools.ts';
import { open } from '../../../engine/rerank/decoder/decoder-program.ts';
import { DecoderRunner } from '../../../engine/rerank/decoder/decoder-runner.ts';
import type { RankTask } from '../../../engine/rerank/decoder/decoder-tasks.ts';
import { InContextScorer, type ScorerOptions } from '../../../engine/rerank/decoder/in-context-scorer.ts';
import { ListRunner } from '../../../engine/rerank/decoder/list-runner.ts';
import { shortlistOf } from '../tiny/shortlist.ts';
import { tinyDecoder, tinyScoring } from '../tiny/tiny-decoder.ts';

const query = 'When is the tide highest?';
const texts = Array.from({ length: 24 }, (_, i) => `Tide ${i}: ${'the sea comes and goes. '.repeat(12)}`);
const model = await tinyDecoder();
const folder = await openDecoderFolder(model);
const options: ScorerOptions = {
  parts: { config: folder.config, weights: folder.weights.table },
  scoring: tinyScoring,
  caps: { maxDocumentTokens: 120, maxQueryTokens: 64, truncation: folder.manifest.truncation },
  batchTokens: 256,
  session: { folder: folder.weights.folder, threads: 1, prepack: false, provider: 'webgpu' },
};
const tools = await readPromptTools(model);
const scorer = new InContextScorer(options, tools);
const { needs } = scorer.needs(scorer.prompts.prompt(query, texts));
const limits = {
  roomy: needs['one-run'].device,
  tight: needs.batches.device,
  small: needs.batches.device - 1,
};

// Which runner answers is counted where both are called.
const calls = { oneRun: 0, batches: 0 };
const { signalLogits } = ListRunner.prototype;
ListRunner.prototype.signalLogits = function counted(...args) {
  calls.oneRun += 1;
  return signalLogits.apply(this, args);
};
const { encode } = DecoderRunner.prototype;
DecoderRunner.prototype.encode = function counted(...args) {
  calls.batches += 1;
  return encode.apply(this, args);
};

const program = await open({ ...options, modelPath: model });
const roomOf = (device: number): RankTask['allowed'] => ({ host: 2 ** 40, device });
const task = { kind: 'rank', query, texts, explain: false, cancelled: new Int32Array(1) } as const;
const report: Record<string, unknown> = { limits };
for (const [name, bytes] of Object.entries(limits)) {
  Object.assign(calls, { oneRun: 0, batches: 0 });
  const answer = (await program.run({ ...task, allowed: roomOf(bytes) })) as {
    kind: string;
    documents?: { logit: number }[];
  };
  report[name] = { kind: answer.kind, ...calls, logits: answer.documents?.map(({ logit }) => logit) };
}
await program.close();
await scorer.release();

// The same by the option that users set, from words to scores.
async function asked(limit: number): Promise<unknown> {
  const reranker = await openDecoderReranker({
    model,
    device: 'webgpu',
    precision: 'fp32',
    batchTokens: options.batchTokens,
    maxDocumentTokens: options.caps.maxDocumentTokens,
    maxQueryTokens: options.caps.maxQueryTokens,
    warmUp: false,
    deviceMemoryLimitBytes: limit,
  });
  try {
    const { candidates } = await reranker.rerank(shortlistOf(query, ...texts));
    return [...candidates].sort((a, b) => a.index - b.index).map(({ logit }) => logit);
  } catch (error) {
    const { name, message, neededBytes, allowedBytes, memory } = error as MemoryLimitError;
    return { name, message, neededBytes, allowedBytes, memory };
  } finally {
    await reranker.close();
  }
}
report['asked'] = { tight: await asked(limits.tight), small: await asked(limits.small) };
console.log(JSON.stringify(report));
