/** `blockrank uninstall`: takes an installation out of a search server. */
import { Command } from 'commander';
import { planElasticsearchUninstall, readElasticsearchState } from '../../../adapters/elasticsearch/index.ts';
import { planOpenSearchUninstall, readOpenSearchState } from '../../../adapters/opensearch/index.ts';
import type { InstallPlan, ServerCalls } from '../../../adapters/server.ts';
import type { CliContext, MakeCommand } from '../context.ts';
import { carryOut } from './carry-out.ts';
import {
  addTargetOptions,
  changeOptions,
  setClusterSettingsOption,
  type UninstallFlags,
} from './install-flags.ts';
import { planJson } from './plan-report.ts';
import { type ServerKind, serverArgument, withServerCalls } from './server-calls.ts';

const help = `
Examples:
  $ blockrank uninstall opensearch --opensearch http://localhost:9200 --dry-run
  $ blockrank uninstall opensearch --opensearch http://localhost:9200 --set-cluster-settings
  $ blockrank uninstall elasticsearch --elasticsearch http://localhost:9200

It refuses while an index has the pipeline as its default or another pipeline uses the model, unless --force is given,
which takes the default away from the index, or gives it back the one it had before. Things of the name that somebody else made stay.`;

/** Makes the command `uninstall`. */
export const uninstallCommand: MakeCommand = (context) => {
  const command = new Command('uninstall')
    .description('take the reranking service out of OpenSearch or Elasticsearch')
    .addArgument(serverArgument());
  for (const option of changeOptions()) command.addOption(option);
  command.addOption(setClusterSettingsOption("remove the service's entry from the cluster settings"));
  return addTargetOptions(command)
    .addHelpText('after', help)
    .action((server: ServerKind, flags: UninstallFlags) =>
      withServerCalls(context, { server, flags }, (calls) => uninstall(context, calls, flags)),
    );
};

async function uninstall(context: CliContext, calls: ServerCalls, flags: UninstallFlags): Promise<void> {
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
