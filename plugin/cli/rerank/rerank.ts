import { ConfigurationError } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';
import type { RerankFlags } from './rerank-flags.ts';
import { type Report, toReportJson, toTable } from './rerank-report.ts';
import { openSource } from './rerank-source.ts';
import type { RerankAsk } from './source.ts';

/**
 * Runs `blockrank rerank`: searches where the source is a server, reranks, and prints. @throws ConfigurationError for
 * arguments that cannot be.
 */
export async function rerank(context: CliContext, ask: RerankAsk): Promise<void> {
  if (ask.query.trim() === '') {
    throw new ConfigurationError('Wrong arguments', [
      { path: 'query', message: 'expected words, got nothing' },
    ]);
  }
  const source = await openSource(context, ask);
  const progress = context.progress('reranking', 1);
  try {
    const report = await source.search({ signal: context.signal });
    progress.stop();
    print(context, report, ask.flags);
  } finally {
    progress.stop();
    await source.close();
  }
}

function print(context: CliContext, report: Report, { json }: RerankFlags): void {
  for (const { message } of report.outcome.warnings ?? []) context.note(`blockrank: ${message}`);
  if (json) {
    context.printJson(toReportJson(report));
    return;
  }
  const { columns } = context.stdout as { readonly columns?: number };
  context.print(toTable(report, { colours: context.colours, width: Math.max(columns ?? 120, 40) }));
}
