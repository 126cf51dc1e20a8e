/** `blockrank tune`: fits the readout to the user's own judgements. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import {
  cacheFlags,
  candidatesFlag,
  countFlag,
  dataFlag,
  seedFlag,
  textFlag,
  windowFlag,
} from './laboratory-flags.ts';
import type { TuneCommandOptions } from './tune.ts';

const help = `
Examples:
  $ blockrank tune --data my-judgements --output my-model
  $ blockrank tune --data judgements/2025 judgements/2026 --candidates bm25 --queries 500 --json
  $ blockrank rerank --model my-model "what does it cost" --documents pages.jsonl

Random settings are tried on judged shortlists. Of those within one standard error of the best, the one that
changes the fewest parameters of the model's is chosen, if the same rule gains on held-out queries (cross-validation);
otherwise the model's parameters stay. Collections have the layout of "blockrank evaluate". Nothing is written without
--output.`;

/** Makes the command. */
export const tuneCommand: MakeCommand = (context) => {
  const command = new Command('tune').description(
    'Fits how the model reads and scores (not its weights) to relevance judgements.',
  );
  return addFlags(command, [
    dataFlag('--data <folders...>', 'collections with judgements; each counts the same'),
    candidatesFlag(),
    ...modelOptions({
      only: ['model', 'depth'],
      forms: {
        model: { help: 'model folder to start from' },
        depth: { help: 'fit the readout of this depth of the model' },
      },
    }),
    countFlag('--queries <n>', 'queries of each collection, drawn at random', { value: 200 }),
    windowFlag(100, { min: 2 }),
    countFlag('--trials <n>', 'settings to try', { value: 400 }),
    countFlag('--folds <n>', 'parts of cross-validation', { min: 2, value: 5 }),
    seedFlag(),
    textFlag('--measure <name>', 'what is made large: nDCG@k, RR@k, AP, P@k, R@k', 'nDCG@10'),
    textFlag(
      '--exclude <file>',
      'queries to leave out: a table by tabs whose header names train-collection and train-query-id',
    ),
    textFlag('--output <folder>', 'where to write the model with its tuned blockrank.json'),
    jsonFlag('print the result as JSON'),
    ...cacheFlags(),
  ])
    .addHelpText('after', help)
    .action(async (options: TuneCommandOptions) => {
      const { runTune } = await import('./tune.ts');
      await runTune(context, options);
    });
};
