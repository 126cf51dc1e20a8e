/** `blockrank select-heads`: chooses the attention heads of a decoder that is read without training. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { wholeNumber } from '../option-values.ts';
import type { SelectHeadsOptions } from './select-heads.ts';

const help = `
Examples:
  $ blockrank select-heads --model ~/models/SmolLM2-135M-Instruct --data my-judgements --heads 8
  $ blockrank select-heads --model model.gguf --data my-judgements --window 4 --output blockrank.json

Each head orders each list by itself, over shuffled documents; the heads with the largest mean nDCG@10 are written to
the model's blockrank.json. With --window, all heads of the best run of layers instead. Layers above the last one
chosen are not computed any more. Never choose heads on what you report.`;

/** Makes the command. */
export const selectHeadsCommand: MakeCommand = (context) =>
  new Command('select-heads')
    .description(
      'Chooses the heads of a decoder that tell relevant documents from others; needs no training.',
    )
    .requiredOption('--model <folder>', 'decoder folder, or a GGUF file')
    .requiredOption('--data <folder>', 'a collection with judgements')
    .option(
      '--candidates <name>',
      'first stage: bm25 or another candidates-NAME.tsv, embedded, judged',
      'embedded',
    )
    .option('--queries <n>', 'queries, drawn at random', wholeNumber({ min: 1 }), 32)
    .option('--depth <n>', 'candidates of a query', wholeNumber({ min: 2 }), 20)
    .option('--heads <n>', 'heads to keep', wholeNumber({ min: 1 }), 16)
    .option('--window <n>', 'keep all heads of the best n layers in a row instead', wholeNumber({ min: 1 }))
    .option('--seed <n>', 'decides every draw', wholeNumber({ min: 0 }), 1)
    .option('--output <file>', "where to write the manifest (default: the model's blockrank.json)")
    .option('--json', 'print the heads as JSON')
    .addHelpText('after', help)
    .action(async (options: SelectHeadsOptions) => {
      const { select } = await import('./select-heads.ts');
      await select(context, options);
    });
