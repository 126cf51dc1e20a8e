/** Encoding beside transformers.js with the same weights, each at its best. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEncoderReranker } from '../engine/index.ts';
import { similarities } from '../engine/readout/reading.ts';
import { readTensorBytes, toFloat32 } from '../engine/weights/safetensors.ts';
import { atLeast, type Bench, rounded, threads } from './support/bench.ts';
import { openDefaultModel } from './support/default-model.ts';
import { exportedBert } from './support/exported-bert.ts';
import { alternate, median, medianRatio, timed } from './support/measure.ts';
import { installPeer, Peer, peerVersion } from './support/peer.ts';
import { documentsOf, passages, question, shortlistOf } from './support/texts.ts';

const rounds = 5;
const documents = 64;
const equalTokens = 128;
const batchSizes = [1, 4, 16, 64];
const folder = fileURLToPath(new URL('./peers', import.meta.url));

type Precision = 'fp32' | 'int8';

export const peers: Bench = {
  about: `Encoding ${documents} documents beside transformers.js: same weights, same threads, the peer at its best batch size and order.`,
  async run(note) {
    installPeer(folder, note);
    const models = await mkdtemp(join(tmpdir(), 'blockrank-peers-'));
    try {
      const { source, texts } = passages(documents);
      const mixes = { natural: texts, equal: documentsOf(documents, equalTokens) };
      await exportModel(join(models, 'encoder'));
      const fp32 = await compare('fp32', mixes, join(models, 'encoder'), note);
      const int8 = await compare('int8', mixes, join(models, 'encoder'), note);
      return {
        figures: {
          documents: { source, count: documents, equalTokens },
          peer: peerVersion(folder, '@huggingface/transformers'),
          fp32,
          int8,
        },
        checks: [
          atLeast('fp32, passages: times as fast as the peer', fp32.natural.timesAsFast, 1),
          atLeast('fp32, equal lengths: times as fast as the peer', fp32.equal.timesAsFast, 1),
          atLeast('int8, passages: times as fast as the peer', int8.natural.timesAsFast, 1),
          atLeast('int8, equal lengths: times as fast as the peer', int8.equal.timesAsFast, 1),
        ],
      };
    } finally {
      await rm(models, { recursive: true });
    }
  },
};

interface Comparison {
  readonly timesAsFast: number;
  readonly documentsPerSecond: { readonly blockrank: number; readonly peer: number };
  readonly peerBatchSize: number;
  readonly peerOrder: string;
  /** Largest difference between the two, as 1 - cosine. */
  readonly disagreement: number;
}

type Mixes = Readonly<Record<'natural' | 'equal', readonly string[]>>;

async function compare(
  precision: Precision,
  mixes: Mixes,
  model: string,
  note: (text: string) => void,
): Promise<Record<keyof Mixes, Comparison>> {
  const reranker = await openEncoderReranker({
    tier: 'anchor',
    stateCacheBytes: 0,
    workers: threads,
    precision,
  });
  const peer = new Peer<readonly Float32Array[]>(folder);
  try {
    await peer.ask({ load: { folder: model, dtype: precision === 'fp32' ? 'fp32' : 'q8', threads } });
    const compareMix = async (mix: keyof Mixes): Promise<Comparison> => {
      note(`${precision}, ${mix} lengths`);
      const texts = mixes[mix];
      const orders = { given: texts, 'by length': [...texts].sort((a, b) => b.length - a.length) };
      for (const [name, list] of Object.entries(orders)) await peer.ask({ keep: { name, texts: list } });
      const best = await bestSetting(peer, Object.keys(orders));
      let seed = 0;
      const times = await alternate(rounds, {
        blockrank: () => reranker.encode(shortlistOf(question(seed++), texts)),
        peer: () => peer.ask({ encode: best }),
      });
      const { states } = await reranker.encode(shortlistOf('agreement', orders[best.name as 'given']));
      const anchors = (await peer.ask({ encode: best }))!;
      // The peer cuts a text where blockrank starts a second block.
      const cosines = states.map(({ anchors: own }, i) => similarities(anchors[i]!, own)[0]!);
      const perSecond = (each: readonly number[]): number => rounded((documents / median(each)) * 1000);
      return {
        timesAsFast: rounded(medianRatio(times.peer, times.blockrank)),
        documentsPerSecond: { blockrank: perSecond(times.blockrank), peer: perSecond(times.peer) },
        peerBatchSize: best.batchSize,
        peerOrder: best.name,
        disagreement: rounded(1 - Math.min(...cosines), 2),
      };
    };
    return { natural: await compareMix('natural'), equal: await compareMix('equal') };
  } finally {
    await Promise.all([reranker.close(), peer.close()]);
  }
}

interface EncodeRequest {
  readonly name: string;
  readonly batchSize: number;
  readonly maxTokens: number;
}

/** The peer's fastest batch size and order. */
async function bestSetting(
  peer: Peer<readonly Float32Array[]>,
  names: readonly string[],
): Promise<EncodeRequest> {
  const settings = names.flatMap((name) =>
    batchSizes.map((batchSize) => ({ name, batchSize, maxTokens: 160 })),
  );
  await peer.ask({ encode: settings[0]! });
  let best = { setting: settings[0]!, time: Number.POSITIVE_INFINITY };
  for (const setting of settings) {
    const time = await timed(() => peer.ask({ encode: setting }));
    if (time < best.time) best = { setting, time };
  }
  return best.setting;
}

/** Writes the default model as transformers.js expects it. */
async function exportModel(to: string): Promise<void> {
  const { folder: model, config, weights } = await openDefaultModel();
  await mkdir(join(to, 'onnx'), { recursive: true });
  for (const file of ['config.json', 'tokenizer.json']) await cp(join(model, file), join(to, file));
  await writeFile(
    join(to, 'tokenizer_config.json'),
    JSON.stringify({
      tokenizer_class: 'BertTokenizer',
      model_max_length: 512,
      cls_token: '[CLS]',
      sep_token: '[SEP]',
      pad_token: '[PAD]',
      unk_token: '[UNK]',
      mask_token: '[MASK]',
    }),
  );
  const read = async (name: string): Promise<{ shape: readonly number[]; values: Float32Array }> => {
    const entry = weights.table.get(name)!;
    const bytes = await readTensorBytes(join(weights.folder, weights.file), entry);
    return { shape: entry.shape, values: toFloat32(bytes, entry.type) };
  };
  await writeFile(join(to, 'onnx/model.onnx'), await exportedBert(config, read, 'fp32'));
  await writeFile(join(to, 'onnx/model_quantized.onnx'), await exportedBert(config, read, 'int8'));
}
