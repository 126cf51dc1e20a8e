/** `blockrank train`: trains a model, or parts of one, by a recipe; without one, fits it to the user's own judgements. */
import { Command } from 'commander';
import { ConfigurationError } from '../../../engine/errors.ts';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { FitCommandOptions } from './fit.ts';
import { fitFlags } from './fit-flags.ts';
import { cacheFlags } from './laboratory-flags.ts';
import type { TrainCommandOptions } from './train.ts';

const help = `
Examples:
  $ blockrank train --data my-judgements --output my-model
  $ blockrank train --data my-judgements --output my-model --cross-validate 5 --also other-collection
  $ blockrank train recipe.yaml --output runs/first
  $ blockrank train recipe.yaml --output runs/first --resume
  $ blockrank export runs/first --output my-model

Without a recipe, what is learnt stands on the query's side or reads one vector a document, so block states stay as they
are: what is stored needs no new encoding. With fewer than 100 judged queries to learn from, only the readout's numbers are
tuned, as "blockrank tune" does. --output gets the model, report.md and report.json.

A recipe names model, what of it is trained, collections (in the layout of "blockrank evaluate"), losses, optimiser, schedule
and seed; docs/recipes.md lists its keys. The output folder says everything needed to repeat the training, and keeps
checkpoints: Ctrl-C ends it after the step under way, and --resume goes on to the same numbers bit by bit, also after a kill
or a power cut.`;

type Options = TrainCommandOptions & FitCommandOptions;

/** Makes the command. */
export const trainCommand: MakeCommand = (context) => {
  const command = new Command('train')
    .description('Fits a model to relevance judgements, or trains one by a recipe.')
    .argument('[recipe]', 'the recipe, a YAML file (default: none: fits to the judgements of --data)');
  addFlags(command, [
    new Flag('--output <folder>', {
      type: 'text',
      help: "where to write the fitted model and its report, or the training's folder: new, unless it is resumed",
    }),
    jsonFlag('print the result as JSON'),
    ...cacheFlags(),
  ]);
  addFlags(
    command,
    [new Flag('--resume', { type: 'switch', help: 'go on with the training in --output' })],
    'With a recipe:',
  );
  return addFlags(command, fitFlags(), 'Without a recipe:')
    .addHelpText('after', help)
    .action(async (recipe: string | undefined, options: Options) => {
      assertFits(command, recipe);
      if (recipe === undefined) return (await import('./fit.ts')).runFit(context, options);
      return (await import('./train.ts')).runTrain(context, recipe, options);
    });
};

/** @throws ConfigurationError for options that belong to the other form of the command, and for those that are missing. */
function assertFits(command: Command, recipe: string | undefined): void {
  const given = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long ?? '');
  const others = recipe === undefined ? ['--resume'] : fitFlags().map(({ long }) => long ?? '');
  const needed = recipe === undefined ? ['--data'] : ['--output'];
  const issues = [
    ...given
      .filter((name) => others.includes(name))
      .map((path) => ({
        path,
        message: `expected ${recipe === undefined ? 'a recipe' : 'no recipe'} with it`,
      })),
    ...needed
      .filter((name) => !given.includes(name))
      .map((path) => ({
        path,
        message: `expected it ${recipe === undefined ? 'where there is no recipe' : 'beside a recipe'}`,
      })),
  ];
  if (issues.length > 0) throw new ConfigurationError('Cannot train', issues);
}
