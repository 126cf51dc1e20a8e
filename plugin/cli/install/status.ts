import type { ServerCalls } from '../../../adapters/server.ts';
import { FirstStageError } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';
import type { ServerKind, StatusFlags } from './install-flags.ts';
import { withServerCalls } from './server-calls.ts';
import { watchService } from './service-watch.ts';
import { elasticsearchReport } from './status-elasticsearch.ts';
import { openSearchReport } from './status-opensearch.ts';

/** Prints the status of an installation. @throws FirstStageError when searches are not reranked. */
export function status(context: CliContext, server: ServerKind, flags: StatusFlags): Promise<void> {
  return withServerCalls(context, { server, flags }, (calls) => tellStatus(context, calls, flags));
}

async function tellStatus(context: CliContext, calls: ServerCalls, flags: StatusFlags): Promise<void> {
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
