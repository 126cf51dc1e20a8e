/** `blockrank calibrate`: fits probabilities of relevance to the user's own judgements. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { CalibrateCommandOptions } from './calibrate.ts';
import {
  cacheFlags,
  candidatesFlag,
  countFlag,
  dataFlag,
  seedFlag,
  textFlag,
  windowFlag,
} from './laboratory-flags.ts';

const help = `
Examples:
  $ blockrank calibrate --data my-judgements --output my-model
  $ blockrank calibrate --data labelled-pairs --candidates judged --output my-model
  $ blockrank calibrate --data judgements/2025 --test judgements/2026 --chart reliability.svg --json

From 50 judged queries, or, with --candidates judged, from 30 judged documents. Few judgements correct the model's own
probabilities, many replace them. What is printed was measured on lists that were held out. Collections have the layout of
"blockrank evaluate". Nothing is written without --output.`;

/** Makes the command. */
export const calibrateCommand: MakeCommand = (context) => {
  const command = new Command('calibrate').description(
    'Fits the probability that a document is relevant, and that a list holds one that is, to relevance judgements.',
  );
  return addFlags(command, [
    dataFlag('--data <folders...>', 'collections with judgements; each counts the same'),
    textFlag('--test <folders...>', 'collections that the result is measured on, and not fitted to'),
    candidatesFlag(),
    ...modelOptions({
      only: ['model', 'precision', 'depth'],
      forms: {
        model: { help: 'model folder to start from' },
        depth: { help: 'fit probabilities of this depth of the model' },
      },
    }),
    countFlag('--queries <n>', 'queries of each collection, drawn at random', { value: 200 }),
    windowFlag(50),
    countFlag('--relevant-from <n>', 'smallest judgement that counts as relevant', { value: 1 }),
    seedFlag(),
    textFlag('--chart <file>', 'where to draw the reliability diagram (SVG)'),
    textFlag('--output <folder>', 'where to write the model with its calibrated blockrank.json'),
    jsonFlag('print the result as JSON'),
    ...cacheFlags(),
  ])
    .addHelpText('after', help)
    .action(async (options: CalibrateCommandOptions) => {
      const { runCalibrate } = await import('./calibrate.ts');
      await runCalibrate(context, options);
    });
};
