/** Runs a training by a recipe. */
import { relative, resolve } from 'node:path';
import {
  createLosses,
  openTrainee,
  placesOf,
  type TrainingProgress,
  type TrainingResult,
  toTrainingSettings,
  train,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { packageVersion } from '../package-version.ts';
import { withProgress } from '../with-progress.ts';
import { stateCache } from './state-cache.ts';
import { makeLists, type RecipeLists } from './train-lists.ts';
import { modelOf, type RecipeFile, readRecipe, recipeDigests } from './train-recipe.ts';

/** Values of the options of `train`. */
export interface TrainCommandOptions {
  readonly output: string;
  readonly resume?: true;
  readonly json?: true;
  readonly cache?: string | boolean;
}

/** What a training's folder tells besides facts and recipe. */
export interface TrainNotes {
  /** The recipe's folder, relative to the training's. */
  readonly recipeFolder: string;
  /** Lists learnt from and measured on, and what became of each collection's queries. */
  readonly lists: number;
  readonly developmentLists: number;
  readonly data: RecipeLists['reports'];
}

/** Trains, and prints what came of it. @throws ConfigurationError for a recipe, data or folder that cannot be. */
export async function runTrain(
  context: CliContext,
  path: string,
  options: TrainCommandOptions,
): Promise<void> {
  const file = await readRecipe(path);
  const made = await makeLists(context, file, options.cache);
  for (const report of made.reports) context.note(reportText(report));
  const result = await trainRecipe(context, { file, made, options });
  if (options.json) context.printJson(result);
  else context.print(resultText(result, path, options.output));
}

async function trainRecipe(
  context: CliContext,
  {
    file,
    made,
    options,
  }: { readonly file: RecipeFile; readonly made: RecipeLists; readonly options: TrainCommandOptions },
): Promise<TrainingResult> {
  const { recipe, folder, text } = file;
  const { output, resume = false } = options;
  const { machine: _, ...decisive } = recipe;
  const digests = await recipeDigests(file);
  const places = await placesOf(recipe);
  const trainee = await openTrainee(recipe.train, {
    model: modelOf(recipe.model, folder),
    seed: recipe.seed,
    states: stateCache(context, options.cache),
  });
  // What is under way is finished and kept, however long a step takes.
  const release = context.hold();
  try {
    return await withProgress(context, 'training', (bar) =>
      train({
        trainee,
        losses: createLosses(recipe.losses),
        lists: made.lists,
        development: made.development,
        settings: toTrainingSettings(recipe),
        folder: output,
        resume,
        identity: { recipe: decisive, digests },
        versions: { blockrank: packageVersion() },
        notes: notesOf(made, relative(resolve(output), folder)),
        recipeText: text,
        places,
        signal: context.signal,
        onProgress: ({ step, steps, ...rest }) => bar.move(step, steps, progressText(rest)),
      }),
    );
  } finally {
    release();
    await trainee.close();
  }
}

const notesOf = ({ lists, development, reports }: RecipeLists, recipeFolder: string): TrainNotes => ({
  recipeFolder: recipeFolder === '' ? '.' : recipeFolder,
  lists: lists.length,
  developmentLists: development.length,
  data: reports,
});

function progressText({
  phase,
  loss,
  best,
  tokensPerSecond,
}: Omit<TrainingProgress, 'step' | 'steps'>): string {
  return [
    ...(tokensPerSecond > 0 ? [`${Math.round(tokensPerSecond)} tokens/s`] : []),
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(best === undefined ? [] : [`best ${best.toFixed(4)}`]),
    ...(phase === 'training' ? [] : [phase]),
  ].join(', ');
}

function reportText({ set, lists, leftOut, dropped }: RecipeLists['reports'][number]): string {
  const counts = [...Object.entries(leftOut), ...Object.entries(dropped)].filter(([, count]) => count > 0);
  const rest = counts.map(([reason, count]) => `${reason} ${count}`).join(', ');
  return `${set}: ${lists} lists${rest === '' ? '' : `; left out: ${rest}`}`;
}

function resultText(
  { ended, step, steps, measure, start, best, interpolation }: TrainingResult,
  recipe: string,
  output: string,
): string {
  const why = {
    steps: 'all steps done',
    patience: 'no gain for as long as patience allows',
    interrupted: 'interrupted',
  }[ended];
  const lines = [`${step} of ${steps} steps: ${why}`];
  if (start !== undefined && best) {
    lines.push(
      `${measure} on the development set: start ${start.toFixed(4)}, best ${best.value.toFixed(4)} at step ${best.step}`,
    );
  }
  if (interpolation) {
    lines.push(
      `weight ${interpolation.weight} between start and best: ${measure} ${interpolation.value.toFixed(4)}`,
    );
  }
  if (best?.step === 0 && ended !== 'interrupted')
    lines.push('No step was better than the start, which stays.');
  lines.push(
    ended === 'interrupted'
      ? `go on: blockrank train ${recipe} --output ${output} --resume`
      : `model folder: blockrank export ${output} --output FOLDER`,
  );
  return lines.join('\n');
}
