/** Writes the model folder of a training, with its card, or of a model with a residual folded in. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigurationError } from '../../../engine/index.ts';
import {
  assertStart,
  foldResidual,
  openTrainee,
  readFacts,
  readTrained,
  runFiles,
  type TrainingResult,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { modelCard } from './model-card.ts';
import type { TrainNotes } from './train.ts';
import { modelOf, toRecipe } from './train-recipe.ts';

/** Values of the options of `export`. */
export interface ExportCommandOptions {
  readonly output: string;
  readonly model?: string;
  readonly foldResidual?: string;
  readonly json?: true;
}

/**
 * Exports.
 *
 * @throws ConfigurationError when there is no training, no checkpoint, another model, the folder is taken, or a residual cannot
 * be folded.
 */
export async function runExport(
  context: CliContext,
  run: string | undefined,
  options: ExportCommandOptions,
): Promise<void> {
  const { output, foldResidual: residual } = options;
  if ((run === undefined) === (residual === undefined)) {
    throw refused('', 'expected the folder of a training, or --fold-residual, and not both');
  }
  if (existsSync(output)) throw refused('output', `"${output}" is there already; name a new folder`);
  if (run === undefined) await fold(context, residual!, options);
  else await exportRun(context, run, options);
}

async function fold(
  context: CliContext,
  residual: string,
  { output, model, json }: ExportCommandOptions,
): Promise<void> {
  const folded = await foldResidual({ ...(model !== undefined && { model }), residual, folder: output });
  if (json) context.printJson({ folder: resolve(output), residual: folded.residual ?? null });
  else context.print(`Wrote ${output}; use the folder as the model.`);
  if (folded.residual) context.note(`What cannot be folded stays a residual: ${folded.residual}`);
}

async function exportRun(
  context: CliContext,
  run: string,
  { output, model, json }: ExportCommandOptions,
): Promise<void> {
  const facts = await readFacts(run);
  const recipe = toRecipe(join(run, runFiles.facts), facts.recipe);
  const notes = facts.notes as TrainNotes;
  const tensors = await readTrained(run);
  if (!tensors) throw refused('', `"${run}" has no checkpoint yet: let it train on`);
  const trainee = await openTrainee(recipe.train, {
    model: model ?? modelOf(recipe.model, resolve(run, notes.recipeFolder)),
    seed: recipe.seed,
  });
  try {
    assertStart(run, facts, trainee);
    await trainee.save(output, tensors);
  } finally {
    await trainee.close();
  }
  const result = await readResult(run);
  await writeFile(join(output, 'README.md'), modelCard({ recipe, facts, notes, result }));
  if (json) context.printJson({ folder: resolve(output), result: result ?? null });
  else context.print(`Wrote ${output}; use the folder as the model.`);
  if (!result) context.note('The training has not ended: this is the best so far, or its last checkpoint.');
}

const refused = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot export', [{ path, message }]);

async function readResult(run: string): Promise<TrainingResult | undefined> {
  const path = join(run, runFiles.result);
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as TrainingResult) : undefined;
}
