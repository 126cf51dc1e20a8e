/** Carries a plan out, as `blockrank install` and `blockrank uninstall` do. */
import { elasticsearchAdvice } from '../../../adapters/elasticsearch/index.ts';
import { openSearchAdvice } from '../../../adapters/opensearch/index.ts';
import { type InstallPlan, runPlan, type ServerCalls } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { noteStep, noteWarnings, partLines, printDryRun, throwBlockers } from './plan-report.ts';

/** Options of {@link carryOut}. */
export interface CarryOutOptions {
  /** What the command does, as messages say it after "Cannot". */
  readonly what: 'install' | 'uninstall';
  /** The server, in words. */
  readonly server: string;
  /** Whether the command only prints the plan. */
  readonly dryRun: true | undefined;
  /** Whether the command prints JSON, and nothing else. */
  readonly json: true | undefined;
}

/**
 * Prints a plan and, unless this is a dry run, carries it out.
 *
 * @returns Notes on tolerated refusals; `undefined` when nothing was sent.
 * @throws ConfigurationError when something stands in the way. @throws FirstStageError when a step fails.
 */
export async function carryOut(
  context: CliContext,
  calls: ServerCalls,
  plan: InstallPlan,
  options: CarryOutOptions,
): Promise<readonly string[] | undefined> {
  const { what, server, dryRun, json } = options;
  if (dryRun) {
    printDryRun(context, plan, options);
    return undefined;
  }
  throwBlockers(plan, what);
  if (!json) context.print(`${server}\n${partLines(plan).join('\n')}`);
  noteWarnings(context, plan);
  const left = await runPlan(plan, {
    calls,
    advice: calls.server === 'opensearch' ? openSearchAdvice : elasticsearchAdvice,
    signal: context.signal,
    onStep: (step) => noteStep(context, step),
  });
  noteWarnings(context, { warnings: left });
  return left;
}
