/**
 * Trains the networks of a recipe on alias chains and prints their accuracy by hops and by loops, as Markdown.
 *
 *     npx tsx scripts/alias-chain/main.ts scripts/alias-chain/recipe.yaml OUTPUT
 *
 * Each model is a folder of OUTPUT; those that are there already are not trained again, and one whose
 * training was killed goes on from its last checkpoint.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { LoopedEncoder } from '../../engine/rerank/encoder/looped-encoder.ts';
import { chainAccuracy } from '../../engine/training/loops/chain-accuracy.ts';
import { chainConfig } from '../../engine/training/loops/chain-network.ts';
import { saveEncoder } from '../../engine/training/loops/save-encoder.ts';
import { type ChainStep, trainChains } from '../../engine/training/loops/train-chains.ts';
import { type AliasChainRecipe, recipeSchema } from './recipe.ts';

/** Steps at the end of a training that the stated loss is the mean of. */
const lastSteps = 100;

type Model = AliasChainRecipe['models'][number];

/** Trains a model, or does nothing when it is there. */
async function trained(recipe: AliasChainRecipe, model: Model, folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const { task, network, training } = recipe;
  const config = chainConfig({ ...network, ...model }, task);
  let recent: ChainStep[] = [];
  const { tensors, steps } = await trainChains({
    ...training,
    task,
    config,
    regularisation: model.regularisation,
    checkpoint: { path: `${folder}.checkpoint`, every: lastSteps },
    onStep: (step, each) => {
      recent.push(each);
      if (step % lastSteps > 0) return;
      console.error(
        `${model.name}: step ${step} of ${training.steps}, loss ${meanOf(recent, 'loss').toFixed(4)}`,
      );
      recent = [];
    },
  });
  const end = steps.slice(-lastSteps);
  const summary = {
    loss: meanOf(end, 'loss'),
    ...(model.regularisation && { cosine: end.at(-1)!.cosine }),
  };
  await saveEncoder(`${folder}.part`, config, tensors);
  await writeFile(join(`${folder}.part`, 'training.json'), `${JSON.stringify(summary)}\n`);
  await rename(`${folder}.part`, folder);
  await rm(`${folder}.checkpoint`, { force: true });
}

const meanOf = (steps: readonly ChainStep[], name: 'loss' | 'cosine'): number =>
  steps.reduce((sum, each) => sum + each[name]!, 0) / steps.length;

/** Lines about a model: one of the table of models, and those of its curve. */
async function measured(recipe: AliasChainRecipe, model: Model, folder: string): Promise<[string, string[]]> {
  const { task, measure } = recipe;
  const encoder = await LoopedEncoder.open(folder);
  const accuracy = (loops: number): Promise<number[]> => chainAccuracy(encoder, { ...measure, task, loops });
  const cells = (values: readonly (string | number)[]): string => `| ${values.join(' | ')} |`;
  try {
    const { size } = await stat(join(folder, 'model.safetensors'));
    const { loss, cosine } = JSON.parse(await readFile(join(folder, 'training.json'), 'utf8')) as {
      loss: number;
      cosine?: number;
      seconds: number;
    };
    const own = (await accuracy(model.loops)).map((each) => each.toFixed(3));
    const said = [size, loss.toFixed(4), cosine?.toFixed(3) ?? '', ...own];
    const curve: string[] = [];
    for (const loops of measure.loops) {
      curve.push(cells([model.name, loops, ...(await accuracy(loops)).map((each) => each.toFixed(3))]));
    }
    return [cells([model.name, ...said]), curve];
  } finally {
    await encoder.close();
  }
}

async function main([recipePath, output]: readonly string[]): Promise<void> {
  if (!recipePath || !output) throw new TypeError('expected RECIPE and OUTPUT');
  const checked = recipeSchema.safeParse(parse(await readFile(recipePath, 'utf8')));
  if (!checked.success) throw new TypeError(`${recipePath}:\n${z.prettifyError(checked.error)}`);
  const recipe = checked.data;
  await mkdir(output, { recursive: true });
  const rows: string[] = [];
  const curves: string[] = [];
  for (const model of recipe.models) {
    const folder = join(output, model.name);
    await trained(recipe, model, folder);
    const [row, curve] = await measured(recipe, model, folder);
    rows.push(row);
    curves.push(...curve);
    console.error(row);
  }
  const hops = Array.from({ length: recipe.task.maxHops }, (_, i) => `${i + 1} hops`).join(' | ');
  const rule = (columns: number): string => `|${' --- |'.repeat(columns)}`;
  const columns = recipe.task.maxHops;
  console.log(
    `| model | bytes | loss | layer cosine | ${hops} |\n${rule(columns + 4)}\n${rows.join('\n')}\n`,
  );
  console.log(`| model | loops | ${hops} |\n${rule(columns + 2)}\n${curves.join('\n')}`);
}

await main(process.argv.slice(2));
