/** `blockrank export`: a model folder from a training. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { ExportCommandOptions } from './export.ts';
import { textFlag } from './laboratory-flags.ts';

const help = `
Examples:
  $ blockrank export runs/first --output my-model
  $ blockrank rerank --model my-model "what does it cost" --documents pages.jsonl

Writes what the training ended with; of one that has not ended, the best so far. README.md in the new folder says what it
was trained on and what was measured; licences and limits are to be added there by whoever passes the model on.`;

/** Makes the command. */
export const exportCommand: MakeCommand = (context) => {
  const command = new Command('export')
    .description('Writes the model folder of a training.')
    .argument('<run>', 'folder of a training, as "blockrank train" wrote it');
  return addFlags(command, [
    new Flag(
      '--output <folder>',
      { type: 'text', isRequired: true, help: 'the model folder: new' },
      { isMandatory: true },
    ),
    textFlag('--model <folder>', 'the model that was trained, where it lies elsewhere now'),
    jsonFlag('print where it is and what it is worth as JSON'),
  ])
    .addHelpText('after', help)
    .action(async (run: string, options: ExportCommandOptions) => {
      const { runExport } = await import('./export.ts');
      await runExport(context, run, options);
    });
};
