/** `blockrank install elasticsearch`: plan, run, test, examples. */
import {
  type EndpointDefinition,
  endpointDefinition,
  esqlExample,
  planElasticsearchInstall,
  readElasticsearchState,
  retrieverExample,
  tryEndpoint,
} from '../../../adapters/elasticsearch/index.ts';
import type { ServerCalls } from '../../../adapters/server.ts';
import { ConfigurationError, type ConfigurationIssue, FirstStageError } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';
import { installFlagOf, withFlagNames } from '../flag-names.ts';
import { carryOut } from './carry-out.ts';
import type { InstallFlags } from './install-flags.ts';
import { planJson } from './plan-report.ts';

/** Options that have no meaning for Elasticsearch, by their names among the flags. */
const foreign = [
  ['defaultPipeline', '--default-pipeline'],
  ['window', '--window'],
  ['fail', '--fail'],
  ['readTimeout', '--read-timeout'],
  ['reader', '--reader'],
  ['modelGroup', '--model-group'],
  ['setClusterSettings', '--set-cluster-settings'],
] as const;

/** Installs in Elasticsearch, or prints what the installation would do. */
export async function installInElasticsearch(
  context: CliContext,
  calls: ServerCalls,
  flags: InstallFlags,
): Promise<void> {
  const { signal } = context;
  checkFlags(flags);
  const wanted = await withFlagNames(installFlagOf, () => definitionOf(flags));
  const state = await readElasticsearchState(calls, wanted.id, { signal });
  const plan = planElasticsearchInstall(state, wanted, { isForced: flags.force ?? false });
  const server = `Elasticsearch ${state.version}, ${state.licence?.type ?? 'unknown'} licence`;
  const { dryRun, json } = flags;
  if (!(await carryOut(context, calls, plan, { what: 'install', server, dryRun, json }))) return;
  const scores = await test(calls, wanted, flags, signal);
  const { index, query, field: [field = 'text'] = [] } = flags;
  const examples = {
    retriever: retrieverExample({ id: wanted.id, field, query }),
    esql: esqlExample({ id: wanted.id, field, index, query }),
  };
  if (json) {
    context.printJson({ server, ...planJson(plan), modelScores: scores, examples });
    return;
  }
  const done = plan.steps.length === 0 ? 'Nothing had to change.' : 'Installed.';
  context.print(`\n${done}\nThe endpoint answers: two sample documents score ${scores.join(' and ')}.\n`);
  context.print(`Search with it:\n  POST /${index ?? 'my-index'}/_search`);
  context.print(indented(JSON.stringify(examples.retriever, undefined, 2)));
  context.print(`\nor in ES|QL:\n${indented(examples.esql)}`);
}

function definitionOf(flags: InstallFlags): EndpointDefinition {
  return endpointDefinition({
    serviceUrl: flags.service,
    name: flags.name,
    inference: flags.inference,
    serviceKey: flags.serviceKey,
    model: flags.serviceModel,
  });
}

async function test(
  calls: ServerCalls,
  { id }: EndpointDefinition,
  { query }: InstallFlags,
  signal: AbortSignal,
): Promise<readonly number[]> {
  try {
    return await tryEndpoint(calls, id, { query, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FirstStageError)) throw error;
    const { adapter, statusCode, cause, message } = error;
    const told = `The endpoint "${id}" is there and stays, but does not rerank: ${message}`;
    throw new FirstStageError(told, { adapter, statusCode }, { cause });
  }
}

function checkFlags(flags: InstallFlags): void {
  const issues: ConfigurationIssue[] = foreign
    .filter(([key]) => flags[key] !== undefined)
    .map(([, flag]) => ({ path: flag, message: 'is for opensearch only' }));
  if ((flags.field?.length ?? 0) > 1) {
    issues.push({ path: '--field', message: 'give one: Elasticsearch reranks by exactly one field' });
  }
  if (issues.length > 0) throw new ConfigurationError('Wrong options', issues);
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
