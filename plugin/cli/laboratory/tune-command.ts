/** `blockrank tune`: fits the readout to one's own judgements. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { wholeNumber } from '../option-values.ts';
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
export const tuneCommand: MakeCommand = (context) =>
  new Command('tune')
    .description('Fits how the model reads and scores (not its weights) to relevance judgements.')
    .requiredOption('--data <folders...>', 'collections with judgements; each counts the same')
    .option(
      '--candidates <name>',
      'first stage: bm25 or another candidates-NAME.tsv, embedded, judged',
      'embedded',
    )
    .option('--model <folder>', 'model folder to start from (default: the one that comes with blockrank)')
    .option('--queries <n>', 'queries of each collection, drawn at random', wholeNumber({ min: 1 }), 200)
    .option('--depth <n>', 'candidates of a query', wholeNumber({ min: 2 }), 100)
    .option('--trials <n>', 'settings to try', wholeNumber({ min: 1 }), 400)
    .option('--folds <n>', 'parts of cross-validation', wholeNumber({ min: 2 }), 5)
    .option('--seed <n>', 'decides every draw', wholeNumber({ min: 0 }), 1)
    .option('--measure <name>', 'what is made large: nDCG@k, RR@k, AP, P@k, R@k', 'nDCG@10')
    .option(
      '--exclude <file>',
      'queries to leave out: collection and query id a line, by tab, after a header',
    )
    .option('--output <folder>', 'where to write the model with its tuned blockrank.json')
    .option('--json', 'print the result as JSON')
    .option('--cache <folder>', 'where encoded documents are kept between runs')
    .addHelpText('after', help)
    .action(async (options: TuneCommandOptions) => {
      const { runTune } = await import('./tune.ts');
      await runTune(context, options);
    });
