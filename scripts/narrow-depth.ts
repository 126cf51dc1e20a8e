/**
 * Makes a smaller depth of an encoder from narrower layers, to be trained: `npx tsx scripts/narrow-depth.ts MODEL DEPTH SHARE
 * COLLECTION...`, for instance `my-model 6 0.46 data/a data/b` for twelve layers with .46 of the products of the model's
 * own. What goes is chosen by 900 documents of the collections, as many of each. Writes `depth-N.safetensors` into the
 * model's folder and names it in blockrank.json; a recipe with `train: { depth: N }` trains it.
 */
import { documentText, readCollection } from '../engine/evaluation/collection.ts';
import { seededRandom, shuffled } from '../engine/evaluation/random.ts';
import { narrowLayers } from '../engine/training/narrowing/narrow-layers.ts';
import { saveDepth } from '../engine/training/narrowing/save-depth.ts';

const documents = 900;

const [model, depth, share, ...collections] = process.argv.slice(2);
if (collections.length === 0 || !/^[1-9]\d*$/.test(depth!)) {
  process.stderr.write(
    'narrow-depth: expected MODEL DEPTH SHARE COLLECTION..., with a whole number for DEPTH\n',
  );
  process.exit(2);
}
const texts: string[] = [];
for (const folder of collections) {
  const all = [...(await readCollection(folder)).documents.values()];
  const some = shuffled(all, seededRandom(1)).slice(0, Math.ceil(documents / collections.length));
  texts.push(...some.map(documentText));
}
const onStep = (step: string): unknown => process.stderr.write(`${step}\n`);
const { tensors, heads, innerWidths } = await narrowLayers({
  model: model!,
  share: Number(share),
  texts,
  onStep,
});
const path = await saveDepth(model!, Number(depth), tensors);
process.stdout.write(`${path}\nheads ${heads.join(' ')}\ninner widths ${innerWidths.join(' ')}\n`);
