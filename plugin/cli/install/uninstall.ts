import { planElasticsearchUninstall, readElasticsearchState } from '../../../adapters/elasticsearch/index.ts';
import { planOpenSearchUninstall, readOpenSearchState } from '../../../adapters/opensearch/index.ts';
import type { InstallPlan, ServerCalls } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { carryOut } from './carry-out.ts';
import type { ServerKind, UninstallFlags } from './install-flags.ts';
import { planJson } from './plan-report.ts';
import { withServerCalls } from './server-calls.ts';

/**
 * Removes the installation, or prints the calls that the removal would send. @throws ConfigurationError when something
 * depends on it.
 */
export function uninstall(context: CliContext, server: ServerKind, flags: UninstallFlags): Promise<void> {
  return withServerCalls(context, { server, flags }, (calls) => takeOut(context, calls, flags));
}

async function takeOut(context: CliContext, calls: ServerCalls, flags: UninstallFlags): Promise<void> {
  const { json, dryRun, name } = flags;
  const { server, plan } = await planFor(context, calls, flags);
  const left = await carryOut(context, calls, plan, { what: 'uninstall', server, dryRun, json });
  if (!left) return;
  if (json) context.printJson({ server, ...planJson(plan), left });
  else if (left.length > 0) context.print(`Everything of "${name}" is gone but what the warnings name.`);
  else
    context.print(
      plan.steps.length === 0 ? `Nothing of "${name}" is there.` : `Nothing of "${name}" is left.`,
    );
}

async function planFor(
  { signal }: CliContext,
  calls: ServerCalls,
  { name, force, setClusterSettings }: UninstallFlags,
): Promise<{ readonly server: string; readonly plan: InstallPlan }> {
  if (calls.server === 'opensearch') {
    const state = await readOpenSearchState(calls, name, { signal });
    const options = { name, isForced: force ?? false, setsClusterSettings: setClusterSettings ?? false };
    return { server: `OpenSearch ${state.version}`, plan: planOpenSearchUninstall(state, options) };
  }
  const state = await readElasticsearchState(calls, name, { signal });
  const plan = planElasticsearchUninstall(state, name, { isForced: force ?? false });
  return { server: `Elasticsearch ${state.version}`, plan };
}
