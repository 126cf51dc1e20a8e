/** `blockrank install opensearch`: plan, run, test. */
import {
  type OpenSearchInstallSettings,
  openSearchInstallSettings,
  planOpenSearchInstall,
  readOpenSearchState,
} from '../../../adapters/opensearch/index.ts';
import type { ServerCalls } from '../../../adapters/server.ts';
import { FirstStageError } from '../../../engine/index.ts';
import { installOptions } from '../../options/install-options.ts';
import type { CliContext } from '../context.ts';
import { wrongOption } from '../errors.ts';
import { installFlagOf, withFlagNames } from '../flag-names.ts';
import { carryOut } from './carry-out.ts';
import type { InstallFlags } from './install-flags.ts';
import { trialLines, tryInstallation } from './installation-trial.ts';
import { planJson } from './plan-report.ts';

/**
 * Installs in OpenSearch, or prints what the installation would do.
 *
 * @throws FirstStageError when the installation does not rerank.
 */
export async function installInOpenSearch(
  context: CliContext,
  calls: ServerCalls,
  { flags, version }: { readonly flags: InstallFlags; readonly version: string },
): Promise<void> {
  const { signal } = context;
  const settings = await withFlagNames(installFlagOf, () => settingsOf(flags, version));
  const { name, fields } = settings;
  const state = await readOpenSearchState(calls, name, { index: flags.index, fields, signal });
  const plan = planOpenSearchInstall(state, settings, {
    setsClusterSettings: flags.setClusterSettings ?? false,
    isForced: flags.force ?? false,
  });
  const server = `OpenSearch ${state.version}`;
  const { dryRun, json } = flags;
  const left = await carryOut(context, calls, plan, { what: 'install', server, dryRun, json });
  if (!left) return;
  const { index, query = installOptions.query.default } = flags;
  const tested = await tryInstallation(calls, { settings, query, index, signal });
  if (json) context.printJson({ server, ...planJson(plan), left, ...tested });
  else {
    const done = plan.steps.length === 0 ? 'Nothing had to change.' : 'Installed.';
    context.print(['', done, ...trialLines(tested), '', ...useLines(settings, flags)].join('\n'));
  }
  if (tested.failure === undefined) return;
  throw new FirstStageError(
    `Everything was made and stays, but searches are not reranked: ${tested.failure}`,
    { adapter: calls.server },
  );
}

function settingsOf(flags: InstallFlags, version: string): OpenSearchInstallSettings {
  if (flags.defaultPipeline && flags.index === undefined) {
    const message = 'give the index that gets the pipeline as default: --index NAME';
    throw wrongOption('--default-pipeline', message);
  }
  if (flags.inference !== undefined) {
    throw wrongOption('--inference', 'is for elasticsearch only');
  }
  return openSearchInstallSettings({
    version,
    serviceUrl: flags.service,
    fields: flags.field ?? [],
    name: flags.name,
    serviceKey: flags.serviceKey,
    model: flags.serviceModel,
    rankWindowSize: flags.window,
    ignoreFailure: !flags.fail,
    readTimeoutSeconds: flags.readTimeout,
    reader: flags.reader,
    modelGroupId: flags.modelGroup,
    defaultPipelineIndex: flags.defaultPipeline ? flags.index : undefined,
  });
}

function useLines(
  { name, fields }: OpenSearchInstallSettings,
  { index = 'my-index', query = 'words of the user' }: InstallFlags,
): string[] {
  const body = {
    query: { match: { [fields[0]!]: query } },
    ext: { rerank: { query_context: { query_text: query } } },
  };
  return [
    'A search is reranked when it names the pipeline and holds the words of the user in "ext":',
    `  POST /${index}/_search?search_pipeline=${name}`,
    `  ${JSON.stringify(body)}`,
  ];
}
