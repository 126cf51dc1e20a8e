/** `blockrank labels`: judgements of several annotators or signals, and what merging them does. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { LabelsOptions } from './labels-options.ts';
import { cacheFlags, candidatesFlag, countFlag, textFlag, windowFlag } from './laboratory-flags.ts';

const examples = `
Examples:
  $ blockrank labels --judgements judgments.tsv
  $ blockrank labels --judgements clicks=clicks.tsv bought=orders.tsv --missing zero --output merged.trec
  $ blockrank labels --judgements votes.tsv --columns supports,refutes --total votes
  $ blockrank labels --data my-collection --rerankers first-stage,cosine,default
  $ blockrank labels --data my-collection --run a.trec b.trec --aggregation loss --output for-the-trainer

Judgements are qrels, one file a label (NAME=FILE names it); or a table with a header and a line a judgement: query-id,
corpus-id, rater, score; or a table with a column a label (--columns). sum, product and weighted make one label of them;
loss keeps them apart: a trainer adds their losses, and a rare label then weighs more. The report says, before anything is
trained, which label wins where two disagree; with runs or rerankers, how well each label is served.`;

const aggregation: OptionRow = {
  type: 'choice',
  of: ['sum', 'product', 'weighted', 'loss'],
  default: 'sum',
  help: 'how labels become one',
};
const missing: OptionRow = {
  type: 'choice',
  of: ['drop', 'zero', 'mean'],
  default: 'drop',
  help: 'pairs that a label did not judge: left out, 0, or the mean of the other labels',
};
const relevantFrom: OptionRow = {
  type: 'number',
  default: 1,
  help: 'grade from which a label calls a document relevant',
};

/** Makes the command. */
export const labelsCommand: MakeCommand = (context) => {
  const command = new Command('labels').description(
    'Merges judgements of several annotators or signals, and reports whom the merged order serves.',
  );
  return addFlags(command, [
    textFlag('--judgements <files...>', "judgements (default: the collection's judgments.tsv)"),
    textFlag('--columns <names>', 'columns of the table that are labels; separated by commas'),
    textFlag(
      '--total <name>',
      'with --columns: column of how many votes there were, so that labels are shares',
    ),
    textFlag('--data <folder>', 'collection that the judgements are of'),
    new Flag('--aggregation <name>', aggregation, { isValue: true }),
    textFlag('--weights <list>', 'what labels weigh, as name=number; separated by commas (default: 1 each)'),
    new Flag('--relevant-from <grade>', relevantFrom, { isValue: true }),
    new Flag('--grades', { type: 'switch', help: 'merge grades, in place of relevant or not' }),
    new Flag('--missing <name>', missing, { isValue: true }),
    textFlag('--output <path>', 'write the merged qrels (a table if it ends in .tsv); with loss a folder'),
    textFlag('--run <files...>', 'TREC runs to measure by each label'),
    textFlag('--rerankers <names>', 'orders to measure by each label, as in evaluate; needs --data'),
    candidatesFlag('judged'),
    windowFlag(1000),
    textFlag('--measure <name>', 'measure beside AUC: nDCG@k, RR@k, AP, P@k, R@k', 'nDCG@10'),
    countFlag('--folds <n>', 'parts of cross-validation where several orders are fused', {
      min: 2,
      value: 5,
    }),
    ...modelOptions({ only: ['model', 'precision', 'device'] }),
    jsonFlag('print the report as JSON'),
    ...cacheFlags(),
  ])
    .addHelpText('after', examples)
    .action(async (options: LabelsOptions) => {
      const { labels } = await import('./labels.ts');
      await labels(context, options);
    });
};
