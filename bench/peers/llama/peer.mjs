/**
 * llama.cpp in a process of its own: loads a GGUF file, then prefills sequences on request.
 * Messages: `{ id, load: { path, threads, sequences, batchSize, contextTokens } }`, `{ id, prefill: [ids, …] }`;
 * answers `{ id, error? }`.
 */
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

let context;
let sequences;

async function load({ path, threads, sequences: count, batchSize, contextTokens }) {
  await context?.dispose();
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    logLevel: LlamaLogLevel.disabled,
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath: path, useMmap: true });
  context = await model.createContext({
    contextSize: contextTokens,
    sequences: count,
    batchSize,
    threads,
    flashAttention: true,
  });
  sequences = Array.from({ length: count }, () => context.getSequence());
}

/** All sequences at once: they are batched together. */
async function prefill(lists) {
  for (const sequence of sequences) await sequence.clearHistory();
  await Promise.all(lists.map((ids, i) => sequences[i].evaluateWithoutGeneratingNewTokens(ids)));
}

process.on('message', async ({ id, load: model, prefill: lists }) => {
  try {
    if (model) await load(model);
    if (lists) await prefill(lists);
    process.send({ id });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
