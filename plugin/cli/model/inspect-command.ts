/** `blockrank inspect`: what a model folder is. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { jsonFlag } from '../shared-flags.ts';

const help = `
Examples:
  $ blockrank inspect models/default
  $ blockrank inspect ~/models/SmolLM2-135M-Instruct --json`;

/** Makes the command. */
export const inspectCommand: MakeCommand = (context) =>
  new Command('inspect')
    .description('Tells what a model folder is: family, layers, bytes, and which devices can run it here.')
    .argument('<model>', 'model folder, or a GGUF file')
    .addOption(jsonFlag('print the report as JSON'))
    .addHelpText('after', help)
    .action(async (model: string, options: { readonly json?: true }) => {
      const { inspect } = await import('./inspect.ts');
      await inspect(context, model, options);
    });
