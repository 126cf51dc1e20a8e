/** `blockrank train`: trains a model, or parts of one, by a recipe. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { jsonFlag } from '../shared-flags.ts';
import { cacheFlags } from './laboratory-flags.ts';
import type { TrainCommandOptions } from './train.ts';

const help = `
Examples:
  $ blockrank train recipe.yaml --output runs/first
  $ blockrank train recipe.yaml --output runs/first --resume
  $ blockrank export runs/first --output my-model

The recipe names model, what of it is trained, collections (in the layout of "blockrank evaluate"), losses, optimiser,
schedule and seed; docs/recipes.md lists its keys. The output folder says everything needed to repeat the training, and
keeps checkpoints: Ctrl-C ends it after the step under way, and --resume goes on to the same numbers bit by bit, also
after a kill or a power cut.`;

/** Makes the command. */
export const trainCommand: MakeCommand = (context) => {
  const command = new Command('train')
    .description('Trains a model by a recipe.')
    .argument('<recipe>', 'the recipe, a YAML file');
  return addFlags(command, [
    new Flag(
      '--output <folder>',
      { type: 'text', isRequired: true, help: 'folder of the training: new, unless it is resumed' },
      { isMandatory: true },
    ),
    new Flag('--resume', { type: 'switch', help: 'go on with the training in the output folder' }),
    jsonFlag('print the result as JSON'),
    ...cacheFlags(),
  ])
    .addHelpText('after', help)
    .action(async (recipe: string, options: TrainCommandOptions) => {
      const { runTrain } = await import('./train.ts');
      await runTrain(context, recipe, options);
    });
};
