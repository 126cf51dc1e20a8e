/**
 * transformers.js in a process of its own: loads a model folder, then encodes lists of texts on request.
 * Messages: `{ id, load: { folder, dtype, threads } }`, `{ id, keep: { name, texts } }`,
 * `{ id, encode: { name, batchSize, maxTokens } }`; answers `{ id, anchors?, error? }`.
 */
import { basename, dirname } from 'node:path';
import { AutoModel, AutoTokenizer, env } from '@huggingface/transformers';

env.allowRemoteModels = false;
const lists = new Map();
let model;
let tokenizer;

async function load({ folder, dtype, threads }) {
  env.localModelPath = `${dirname(folder)}/`;
  const name = basename(folder);
  tokenizer = await AutoTokenizer.from_pretrained(name);
  model = await AutoModel.from_pretrained(name, {
    dtype,
    device: 'cpu',
    session_options: { intraOpNumThreads: threads, graphOptimizationLevel: 'all' },
  });
}

/** Batches in the order given, each padded to its own longest text; the first token's vector of each text. */
async function encode({ name, batchSize, maxTokens }) {
  const texts = lists.get(name);
  const anchors = [];
  for (let at = 0; at < texts.length; at += batchSize) {
    const inputs = tokenizer(texts.slice(at, at + batchSize), {
      padding: true,
      truncation: true,
      max_length: maxTokens,
    });
    const { last_hidden_state: states } = await model(inputs);
    const [blocks, tokens, width] = states.dims;
    for (let b = 0; b < blocks; b += 1) {
      anchors.push(normalised(states.data.subarray(b * tokens * width, (b * tokens + 1) * width)));
    }
  }
  return anchors;
}

function normalised(vector) {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => value / length);
}

process.on('message', async ({ id, load: loading, keep, encode: encoding }) => {
  try {
    if (loading) await load(loading);
    if (keep) lists.set(keep.name, keep.texts);
    const anchors = encoding ? await encode(encoding) : undefined;
    process.send({ id, anchors });
  } catch (error) {
    process.send({ id, error: String(error.stack ?? error) });
  }
});
