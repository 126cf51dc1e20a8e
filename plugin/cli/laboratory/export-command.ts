/** `blockrank export`: a model folder from a training, or from a model and its residual. */
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
  $ blockrank export --model my-model --fold-residual trained --output folded

Writes what the training ended with; of one that has not ended, the best so far. README.md in the new folder says what it
was trained on and what was measured; licences and limits are to be added there by whoever passes the model on.

--fold-residual takes a model and a residual of it in place of a training: weights of its rw go into the layers, and what
cannot be folded (lr, pa) stays a residual that the new folder is read with. It ranks as before, to 1e-5.`;

/** Makes the command. */
export const exportCommand: MakeCommand = (context) => {
  const command = new Command('export')
    .description('Writes the model folder of a training, or folds a residual into a model.')
    .argument('[run]', 'folder of a training, as "blockrank train" wrote it');
  return addFlags(command, [
    new Flag(
      '--output <folder>',
      { type: 'text', isRequired: true, help: 'the model folder: new' },
      { isMandatory: true },
    ),
    textFlag(
      '--model <folder>',
      'the model that was trained, where it lies elsewhere now; with --fold-residual, that to fold into',
    ),
    textFlag(
      '--fold-residual <name>',
      'fold this residual of --model, a name or a path, in place of exporting a training',
    ),
    jsonFlag('print where it is and what it is worth as JSON'),
  ])
    .addHelpText('after', help)
    .action(async (run: string | undefined, options: ExportCommandOptions) => {
      const { runExport } = await import('./export.ts');
      await runExport(context, run, options);
    });
};
