/** `blockrank status`: what of an installation is there, and whether searches are really reranked. */
import { Command, Option } from 'commander';
import type { ServerCalls } from '../../../adapters/server.ts';
import { FirstStageError } from '../../../engine/index.ts';
import type { CliContext, MakeCommand } from '../context.ts';
import { addTargetOptions, type StatusFlags, serviceOptions } from './install-flags.ts';
import { type ServerKind, serverArgument, withServerCalls } from './server-calls.ts';
import { watchService } from './service-watch.ts';
import { elasticsearchReport } from './status-elasticsearch.ts';
import { openSearchReport } from './status-opensearch.ts';

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
    .addOption(new Option('--index <name>', 'index to probe with a search'))
    .addOption(new Option('--query <words>', 'words of the probe').default('what is this about'));
  for (const option of serviceOptions('it is reached from here')) command.addOption(option);
  return addTargetOptions(command)
    .addHelpText('after', help)
    .action((server: ServerKind, flags: StatusFlags) =>
      withServerCalls(context, { server, flags }, (calls) => status(context, calls, flags)),
    );
};

async function status(context: CliContext, calls: ServerCalls, flags: StatusFlags): Promise<void> {
  const service =
    flags.service === undefined
      ? undefined
      : watchService(flags.service, { key: flags.serviceKey, signal: context.signal });
  const subject = { calls, flags, service, signal: context.signal };
  const report = await (calls.server === 'opensearch'
    ? openSearchReport(subject)
    : elasticsearchReport(subject));
  if (flags.json) context.printJson(report.json);
  else context.print(report.lines.join('\n'));
  if (report.fault !== undefined) {
    throw new FirstStageError(`Searches are not reranked: ${report.fault}`, { adapter: calls.server });
  }
}
