/** `blockrank install opensearch`: plan, run, test. */
import {
  type OpenSearchInstallSettings,
  openSearchAdvice,
  openSearchInstallSettings,
  type Plan,
  planOpenSearchInstall,
  readOpenSearchState,
  runPlan,
  type ServerCalls,
  type Trial,
  tryModel,
  trySearch,
} from '../../adapters/opensearch/index.ts';
import { ConfigurationError } from '../../engine/index.ts';
import type { CliContext } from './context.ts';
import type { InstallFlags } from './install-flags.ts';
import { noteWarnings, partLines, planJson, printDryRun, throwBlockers } from './plan-report.ts';

/** Words of the test query, unless others are given. */
const testQuery = 'what is this about';

/** Installs in OpenSearch, or says what it would do. */
export async function installInOpenSearch(
  context: CliContext,
  calls: ServerCalls,
  { flags, version }: { readonly flags: InstallFlags; readonly version: string },
): Promise<void> {
  const { signal } = context;
  const settings = settingsOf(flags, version);
  const { name, fields } = settings;
  const state = await readOpenSearchState(calls, name, { index: flags.index, fields, signal });
  const plan = planOpenSearchInstall(state, settings, {
    setsClusterSettings: flags.setClusterSettings ?? false,
  });
  const server = `OpenSearch ${state.version}`;
  if (flags.dryRun) {
    printDryRun(context, plan, { what: 'install', server, json: flags.json });
    return;
  }
  throwBlockers(plan, 'install');
  if (!flags.json) context.print(`${server}\n${partLines(plan).join('\n')}`);
  const left = await runPlan(plan, {
    calls,
    advice: openSearchAdvice,
    signal,
    onStep: ({ does }) => context.note(`blockrank: ${does}`),
  });
  noteWarnings(context, { warnings: [...left, ...plan.warnings] });
  const tested = await test(calls, settings, { flags, signal });
  if (flags.json) context.printJson({ server, ...planJson(plan), ...tested });
  else context.print(reportLines(plan, settings, tested).join('\n'));
}

function settingsOf(flags: InstallFlags, version: string): OpenSearchInstallSettings {
  if (flags.defaultPipeline && flags.index === undefined) {
    const message = 'give the index that gets the pipeline as default: --index NAME';
    throw new ConfigurationError('Wrong options', [{ path: '--default-pipeline', message }]);
  }
  for (const [flag, value] of [
    ['--inference', flags.inference],
    ['--force', flags.force],
  ] as const) {
    if (value === undefined) continue;
    throw new ConfigurationError('Wrong options', [{ path: flag, message: 'is for elasticsearch only' }]);
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

interface Tested {
  /** Scores of two sample documents. */
  readonly modelScores: readonly number[];
  /** One search before and after; absent without an index. */
  readonly search?: Trial;
}

async function test(
  calls: ServerCalls,
  { name, fields }: OpenSearchInstallSettings,
  { flags, signal }: { readonly flags: InstallFlags; readonly signal: AbortSignal },
): Promise<Tested> {
  const query = flags.query ?? testQuery;
  // Who just installed cannot know the model's id: the pipeline names it.
  const { pipelines } = await readOpenSearchState(calls, name, { signal });
  const modelId = /"model_id":"([^"]+)"/.exec(JSON.stringify(pipelines[name]))![1]!;
  const modelScores = await tryModel(calls, { modelId, query, signal });
  if (flags.index === undefined) return { modelScores };
  const search = await trySearch(calls, { pipeline: name, query, index: flags.index, fields, signal });
  return { modelScores, search };
}

function reportLines(
  plan: Plan,
  settings: OpenSearchInstallSettings,
  { modelScores, search }: Tested,
): string[] {
  const done = plan.steps.length === 0 ? 'Nothing had to change.' : 'Installed.';
  const asked = `The model answers: two sample documents score ${modelScores.join(' and ')}.`;
  return ['', done, asked, ...(search ? searchLines(search) : []), '', ...useLines(settings)];
}

function searchLines({ before, after, isByWords }: Trial): string[] {
  const order = (hits: Trial['before']): string =>
    hits.map(({ docId, score }) => `${docId} (${score})`).join(', ') || 'no hits';
  const found = isByWords ? 'the words' : 'any documents (none has the words)';
  return [
    `Test search for ${found}:`,
    `  without the pipeline: ${order(before)}`,
    `  with the pipeline:    ${order(after)}`,
  ];
}

function useLines({ name }: OpenSearchInstallSettings): string[] {
  return [
    'A search is reranked when it names the pipeline and holds the words of the user in "ext":',
    `  POST /my-index/_search?search_pipeline=${name}`,
    '  {"query": {"match": {"body": "words"}}, "ext": {"rerank": {"query_context": {"query_text": "words"}}}}',
  ];
}
