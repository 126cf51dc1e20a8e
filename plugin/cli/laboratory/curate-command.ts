/** `blockrank curate`: a small, diverse part of a collection. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { CurateOptions } from './curate.ts';
import { countFlag, dataFlag } from './laboratory-flags.ts';

const examples = `
Examples:
  $ blockrank curate --data my-collection --count 300 --output to-judge
  $ blockrank curate --data my-collection --of documents --count 5000 --output small-corpus
  $ blockrank curate --data my-collection --of judgements --count 2000 --cosine 1 --output pairs

Vectors are averages of the model's token embeddings; the model does not run. Near-duplicates are folded first; then as
many clusters are made as are wanted, and of each the one nearest to its mean is kept.`;

const of: OptionRow = {
  type: 'choice',
  of: ['queries', 'documents', 'judgements'],
  default: 'queries',
  help: 'what is chosen: queries with all of their judgements, documents, or judged pairs',
};
const cosine: OptionRow = {
  type: 'number',
  default: 0.99,
  help: 'near-duplicates from this cosine on; 1 folds repeats of the same words alone',
};

/** Makes the command. */
export const curateCommand: MakeCommand = (context) =>
  addFlags(
    new Command('curate').description(
      'Writes a small and diverse part of a collection, without near-duplicates, to judge or to train on.',
    ),
    [
      dataFlag('--data <folder>', 'collection'),
      new Flag(
        '--output <folder>',
        { type: 'text', isRequired: true, help: 'new folder for the part' },
        { isMandatory: true },
      ),
      countFlag('--count <n>', 'how many are kept', { value: 300 }),
      new Flag('--of <what>', of, { isValue: true }),
      new Flag('--cosine <number>', cosine, { isValue: true }),
      new Flag('--whole-corpus', { type: 'switch', help: 'keep documents that no kept judgement names' }),
      ...modelOptions({ only: ['model'] }),
      jsonFlag('print what was done as JSON'),
    ],
  )
    .addHelpText('after', examples)
    .action(async (options: CurateOptions) => {
      const { curateCollection } = await import('./curate.ts');
      await curateCollection(context, options);
    });
