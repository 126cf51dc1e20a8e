/**
 * Fits exits of an encoder to texts: `npx tsx scripts/make-exits.ts MODEL DEPTH LAYERS TEXTS FOLDER...`, for instance
 * `models/default 12 3,4,6 420 train-medquad train-tldr`: at the depth of 12 layers, behind layers 3, 4 and 6, from up to
 * 420 documents of each training set. Writes `exit-DEPTH-LAYER.safetensors` into the model's folder; blockrank.json is
 * written by hand.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toDocumentBlocks } from '../engine/blocks/document-blocks.ts';
import { defaultCacheFolder } from '../engine/cache-folder.ts';
import { documentText, readCollection } from '../engine/evaluation/collection.ts';
import { layerPrefix, modelAtDepth } from '../engine/model/depth.ts';
import { toExitFile } from '../engine/model/exit-file.ts';
import { openModelFolder } from '../engine/model/folder.ts';
import { readJson } from '../engine/model/read-json.ts';
import { toEncoderFeeds } from '../engine/network/encoder.ts';
import { parseEncoderConfig } from '../engine/network/encoder-config.ts';
import { exitSamples } from '../engine/network/encoder-cut.ts';
import { openGraph } from '../engine/session/open-graph.ts';
import { toBatches } from '../engine/states/batches.ts';
import { parseTokenizer } from '../engine/tokenizer/tokenizer.ts';
import { fitExit } from '../engine/training/fit/fit-exit.ts';
import { fileParameters } from '../engine/weights/file-parameters.ts';
import { weightsFor } from '../engine/weights/precision-weights.ts';

const [path, depth, layers, perSet, ...folders] = process.argv.slice(2);
if (folders.length === 0) {
  process.stderr.write('make-exits: expected MODEL DEPTH LAYERS TEXTS FOLDER...\n');
  process.exit(2);
}
const afterLayers = layers!.split(',').map(Number);
const whole = await openModelFolder(path!);
const wholeConfig = parseEncoderConfig(await readJson(join(whole.path, 'config.json')), whole.path);
const { folder, config, layersFile } = await modelAtDepth(whole, wholeConfig, Number(depth));
const replaced = layersFile === undefined ? {} : { replaced: { file: layersFile, prefix: layerPrefix } };
const source = { folder: folder.path, file: 'model.safetensors', digest: folder.digest, ...replaced };
const weights = await weightsFor('int8', source, defaultCacheFolder());
const graph = exitSamples(config, fileParameters(weights.table), { afterLayers, precision: 'int8' });
const session = await openGraph(graph, { folder: weights.folder });
const tokenizerPath = join(whole.path, 'tokenizer.json');
const tokenizer = parseTokenizer(await readJson(tokenizerPath), tokenizerPath);

const blocks = (await textsOf(folders, Number(perSet))).map(
  (text) => toDocumentBlocks(text, tokenizer, folder.manifest.caps).blocks[0]!,
);
const samples = new Map(Object.keys(graph).map((name) => [name, [] as Float32Array[]]));
const batches = toBatches(
  blocks.map(({ length }) => length),
  { batchTokens: 1000, workers: 1 },
);
for (const [at, batch] of batches.entries()) {
  const feeds = toEncoderFeeds(
    batch.map((i) => blocks[i]!),
    config,
    tokenizer.padId,
  );
  const answer = await session.run({ feeds: { ...feeds }, outputs: [...samples.keys()] });
  for (const [name, rows] of samples) rows.push(answer[name]!.data as Float32Array);
  if (at % 50 === 0) process.stderr.write(`make-exits: ${at} of ${batches.length} batches\n`);
}
await session.close();
const anchors = joined(samples.get('anchors')!);
for (const layer of afterLayers) {
  const exit = fitExit({ features: joined(samples.get(`exit${layer}`)!), anchors, width: config.width });
  const file = join(whole.path, `exit-${config.layers}-${layer}.safetensors`);
  await writeFile(file, toExitFile(exit));
  process.stdout.write(`${file}\n`);
}

/** Documents at even distances through each collection. */
async function textsOf(collections: readonly string[], count: number): Promise<string[]> {
  const texts: string[] = [];
  for (const each of collections) {
    const documents = [...(await readCollection(each)).documents.values()];
    const step = Math.max(1, Math.floor(documents.length / count));
    const chosen = documents.filter((_, i) => i % step === 0).slice(0, count);
    texts.push(...chosen.map((document) => documentText(document)));
  }
  return texts;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
