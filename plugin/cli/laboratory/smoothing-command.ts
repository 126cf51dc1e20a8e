/** `blockrank smoothing`: whether scores of documents that are alike should be alike, on the user's own judgements. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import { cacheFlags, candidatesFlag, countFlag, dataFlag, textFlag, windowFlag } from './laboratory-flags.ts';
import type { SmoothingCommandOptions } from './smoothing.ts';

const edges: OptionRow = {
  type: 'choice',
  of: ['embeddings', 'anchors'],
  default: 'embeddings',
  help: 'what tells that documents are alike',
};

const help = `
Examples:
  $ blockrank smoothing --data my-judgements
  $ blockrank smoothing --data my-judgements --read 34           # lists of which the first 34 documents are read
  $ blockrank smoothing --data my-judgements --depth 6           # with half of the layers
Learns the weights of a continuous conditional random field (Qin et al., NIPS 2008) by maximum likelihood, and measures
them on held-out queries. Where that is no gain, leave smoothing off. What is printed goes into the section "stage".`;

/** Makes the command. */
export const smoothingCommand: MakeCommand = (context) =>
  addFlags(
    new Command('smoothing').description(
      'Learns whether documents that are alike should get scores that are alike, from relevance judgements.',
    ),
    [
      dataFlag('--data <folder>', 'collection with judgements'),
      candidatesFlag(),
      ...modelOptions({ only: ['model', 'precision', 'device'] }),
      windowFlag(50, { min: 2 }),
      countFlag('--limit <n>', 'only the first queries', {}),
      countFlag('--neighbours <n>', 'nearest documents that each one has edges to', { value: 10 }),
      new Flag('--edges <source>', edges, { isValue: true }),
      countFlag('--read <n>', 'read only the first candidates: does smoothing complete the list?', {}),
      countFlag(
        '--depth <layers>',
        'read with this depth of the model: does smoothing come near all layers?',
        {},
      ),
      countFlag('--folds <n>', 'parts of cross-validation', { min: 2, value: 5 }),
      textFlag('--measure <name>', 'what decides: nDCG@k, RR@k, AP, P@k, R@k', 'nDCG@10'),
      jsonFlag('print the result as JSON'),
      ...cacheFlags(),
    ],
  )
    .addHelpText('after', help)
    .action(async (options: SmoothingCommandOptions) => {
      const { runSmoothing } = await import('./smoothing.ts');
      await runSmoothing(context, options);
    });
