/** `blockrank status`: shows which parts of an installation exist, and whether searches are really reranked. */
import { Command } from 'commander';
import { installOptions } from '../../options/install-options.ts';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import {
  addTargetOptions,
  type ServerKind,
  type StatusFlags,
  serverArgument,
  serviceOptions,
} from './install-flags.ts';

const help = `
Examples:
  $ blockrank status opensearch --opensearch http://localhost:9200 --index articles --service http://localhost:8080
  $ blockrank status elasticsearch --elasticsearch http://localhost:9200 --json

A pipeline that ignores failures hides them from searches. With --index this searches once through the pipeline and
tells from its statistics, from the service's count of requests and from verbose_pipeline whether the answer was
reranked. Ends with 1, and the cause, when reranking does not work.`;

/** Makes the command `status`. */
export const statusCommand: MakeCommand = (context) => {
  const command = new Command('status')
    .description('tell whether searches of OpenSearch or Elasticsearch are really reranked')
    .addArgument(serverArgument())
    .addOption(new Flag('--index <name>', installOptions.index, { help: 'index to probe with a search' }))
    .addOption(
      new Flag('--query <words>', installOptions.query, { help: 'words of the probe', isValue: true }),
    );
  addFlags(command, serviceOptions('it is reached from here'));
  return addTargetOptions(command)
    .addHelpText('after', help)
    .action(async (server: ServerKind, flags: StatusFlags) => {
      const { status } = await import('./status.ts');
      await status(context, server, flags);
    });
};
