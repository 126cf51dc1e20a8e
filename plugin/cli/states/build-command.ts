/** `blockrank states build`: stores the state of every document on the documents' own server. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addBuildOptions, addPlaceOptions, addTextOptions, type BuildFlags } from './flags.ts';

const help = `
Examples:
  $ blockrank states build --opensearch http://localhost:9200 --index articles --field title --field body --dry-run
  $ blockrank states build --elasticsearch http://localhost:9200 --index articles --field body --docs-per-second 200
  $ blockrank states build --elasticsearch http://localhost:9200 --index articles --field body --to field --vector
  $ blockrank states build --config blockrank.config.yaml
  $ blockrank states build --config blockrank.config.yaml --model ./new-model --generation new-model
  $ blockrank states build --config blockrank.config.yaml --device webgpu --precision fp16

A state is found by its text and its encoder: give the same fields, separator, template and model as where searches are
reranked, or with --config the file that they follow. Start the same command on as many machines as you like: they share
the slices. End it at any moment, and start it again: it goes on where it was. Documents that somebody changes meanwhile
are left alone; the next build takes them. States of deleted documents are removed.`;

/** Makes the command `states build`. */
export function buildCommand(context: CliContext): Command {
  const command = new Command('build').description(
    'encode documents once, and store their states beside them',
  );
  return addBuildOptions(addTextOptions(addPlaceOptions(command)))
    .addHelpText('after', help)
    .action(async (flags: BuildFlags) => {
      const { build } = await import('./build.ts');
      await build(context, flags);
    });
}
