/** `blockrank states drop`: removes states. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addPlaceOptions, type PlaceFlags } from './flags.ts';

const help = `
Examples:
  $ blockrank states drop --opensearch http://localhost:9200 --index articles --generation anchor-fp16-3fb01c27a9d4
  $ blockrank states drop --elasticsearch http://localhost:9200 --index articles --to field
  $ blockrank states drop --config blockrank.config.yaml --generation anchor-fp16-3fb01c27a9d4

With --config alone it takes away the states that searches by that file read; they encode what they find from then on.`;

/** Makes the command `states drop`. */
export function dropCommand(context: CliContext): Command {
  return addPlaceOptions(
    new Command('drop').description('take the states of one generation, or of the documents, away'),
  )
    .addHelpText('after', help)
    .action(async (flags: PlaceFlags) => {
      const { drop } = await import('./drop.ts');
      await drop(context, flags);
    });
}
