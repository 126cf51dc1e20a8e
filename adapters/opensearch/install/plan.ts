/**
 * What has to be sent so that a cluster reranks as wanted. Pure. A changed connector is never changed in place:
 * servers refuse that while a model is deployed on it, and undeploying would fail searches meanwhile. A new one and
 * a model on it are made beside the old ones, the pipeline is switched in one call, and then the old ones go.
 */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import { differencesOf, onlyNamed, type Plan, type PlannedPart, type PlanStep } from '../../install/index.ts';
import { neededSettings, privateSetting, settingIssues, settingsStep } from './cluster-settings.ts';
import {
  connectorBody,
  connectorDefinition,
  connectorMark,
  definitionOfConnector,
  modelBody,
  pipelineBody,
} from './definitions.ts';
import { deletionSteps, deploymentWait, deployStep, registrationWait } from './model-steps.ts';
import type { OpenSearchInstallSettings } from './options.ts';
import type { FoundEntry, OpenSearchState } from './state.ts';
import { installWarnings } from './warnings.ts';

/** What a part of the plan adds to it. */
interface Planned {
  readonly parts: readonly PlannedPart[];
  readonly steps: readonly PlanStep[];
  readonly blockers?: readonly ConfigurationIssue[];
}

/** Plans an installation. Running the same plan's calls and planning again gives a plan without calls. */
export function planOpenSearchInstall(
  state: OpenSearchState,
  settings: OpenSearchInstallSettings,
  options: { readonly setsClusterSettings?: boolean } = {},
): Plan {
  const access = planAccess(state, settings, options.setsClusterSettings ?? false);
  const connector = planConnector(state, settings);
  const isFreed = access.steps.length > 0 && access.parts.some(({ name }) => name === privateSetting);
  const model = planModel(state, settings, { connectorId: connector.id, isRedeployed: isFreed });
  const kept = new Set([connector.id, model.id]);
  const planned: Planned[] = [
    access,
    connector,
    model,
    planPipeline(state, settings, model.id),
    planDefault(state, settings),
    planSurplus(state, kept),
  ];
  return {
    parts: planned.flatMap(({ parts }) => parts),
    steps: planned.flatMap(({ steps }) => steps),
    warnings: installWarnings(state, settings),
    blockers: planned.flatMap(({ blockers = [] }) => blockers),
  };
}

function planAccess(
  { settings: cluster }: OpenSearchState,
  { url }: OpenSearchInstallSettings,
  setsClusterSettings: boolean,
): Planned {
  const needed = neededSettings(url, cluster);
  if (!setsClusterSettings) return { parts: [], steps: [], blockers: settingIssues(needed) };
  const parts = needed.map(({ name, value, why }) => {
    const change = Array.isArray(value) ? `adds ${JSON.stringify(value.at(-1))}` : `becomes ${String(value)}`;
    return part('cluster setting', name, 'changed', [`${change}: ${why}`]);
  });
  return { parts, steps: settingsStep(needed) };
}

/** A connector or model to be used: its id, or the name that a step binds. */
interface Used extends Planned {
  readonly id: string;
}

function planConnector(state: OpenSearchState, settings: OpenSearchInstallSettings): Used {
  const { name } = settings;
  const wanted = connectorDefinition(settings);
  const mark = connectorMark(settings);
  const ours = state.connectors.filter((found) => found.mark);
  const fits = ({ mark: found, source }: FoundEntry): boolean =>
    found?.digest === mark.digest && found.key === mark.key && differencesIn(source, wanted).length === 0;
  const kept = ours.find(fits);
  if (kept) return { id: kept.id, parts: [part('connector', kept.id, 'unchanged')], steps: [] };
  const [before] = ours;
  const differences = before ? differencesIn(before.source, wanted) : [];
  if (before && before.mark?.key !== mark.key) differences.push('credential: another key (not shown)');
  return {
    id: '<connector_id>',
    parts: [part('connector', name, before ? 'changed' : 'absent', differences)],
    steps: [
      {
        does: `create connector "${name}"`,
        request: { method: 'POST', path: '/_plugins/_ml/connectors/_create', body: connectorBody(settings) },
        binds: { connector_id: 'connector_id' },
      },
    ],
  };
}

function differencesIn(source: FoundEntry['source'], wanted: object): string[] {
  return differencesOf(onlyNamed(definitionOfConnector(source), wanted), wanted);
}

function planModel(
  state: OpenSearchState,
  settings: OpenSearchInstallSettings,
  { connectorId, isRedeployed }: { readonly connectorId: string; readonly isRedeployed: boolean },
): Used {
  const { name, modelGroupId } = settings;
  const ours = state.models.filter((found) => found.mark);
  const kept = ours.find(
    ({ source }) =>
      source['connector_id'] === connectorId &&
      (modelGroupId === undefined || source['model_group_id'] === modelGroupId),
  );
  if (!kept) {
    const request = {
      method: 'POST' as const,
      path: '/_plugins/_ml/models/_register',
      querystring: { deploy: 'true' },
      body: modelBody(settings, connectorId),
    };
    const binds = { model_id: 'model_id', task_id: 'task_id' };
    const waits = [registrationWait('<task_id>'), deploymentWait('<model_id>')];
    const does = `register and deploy model "${name}"`;
    return {
      id: '<model_id>',
      parts: [part('model', name, ours.length > 0 ? 'changed' : 'absent')],
      steps: [{ does, request, binds, waits }],
    };
  }
  const modelState = String(kept.source['model_state']);
  if (modelState === 'DEPLOYED' && !isRedeployed) {
    return { id: kept.id, parts: [part('model', kept.id, 'unchanged')], steps: [] };
  }
  const differences = [
    isRedeployed
      ? 'deployed again, so that the cluster settings hold'
      : `model_state: "${modelState}" -> "DEPLOYED"`,
  ];
  return {
    id: kept.id,
    parts: [part('model', kept.id, 'changed', differences)],
    steps: deployStep(kept.id, { isDeployed: modelState === 'DEPLOYED' }),
  };
}

function planPipeline(state: OpenSearchState, settings: OpenSearchInstallSettings, modelId: string): Planned {
  const { name } = settings;
  const there = state.pipelines[name];
  const wanted = pipelineBody(settings, modelId, state);
  if (there && !isOurs(there)) {
    const message = `somebody else made a search pipeline of this name: give another --name, or delete it (DELETE /_search/pipeline/${name})`;
    return { parts: [part('pipeline', name, 'changed')], steps: [], blockers: [{ path: name, message }] };
  }
  // The mark differs whenever something else does.
  const differences = there ? differencesOf(there, wanted) : [];
  const told = differences.filter((line) => !line.startsWith('description:'));
  if (there && differences.length === 0) return { parts: [part('pipeline', name, 'unchanged')], steps: [] };
  const request = { method: 'PUT' as const, path: `/_search/pipeline/${name}`, body: wanted };
  return {
    parts: [part('pipeline', name, there ? 'changed' : 'absent', told)],
    steps: [{ does: `${there ? 'change' : 'create'} search pipeline "${name}"`, request }],
  };
}

function isOurs(pipeline: Readonly<Record<string, unknown>>): boolean {
  return String(pipeline['description']).startsWith('Made by blockrank ');
}

function planDefault(
  state: OpenSearchState,
  { name, defaultPipelineIndex }: OpenSearchInstallSettings,
): Planned {
  if (defaultPipelineIndex === undefined) return { parts: [], steps: [] };
  const behind = state.index?.behind ?? [];
  const other = behind.filter(({ defaultPipeline }) => defaultPipeline !== name);
  const label = `default of "${defaultPipelineIndex}"`;
  if (behind.length > 0 && other.length === 0) return { parts: [part(label, name, 'unchanged')], steps: [] };
  const body = { 'index.search.default_pipeline': name };
  const path = `/${encodeURIComponent(defaultPipelineIndex)}/_settings`;
  const differences = other.map(
    ({ index, defaultPipeline }) =>
      `${index}: ${JSON.stringify(defaultPipeline ?? null)} -> ${JSON.stringify(name)}`,
  );
  return {
    parts: [part(label, name, 'changed', differences)],
    steps: [
      {
        does: `make "${name}" the default pipeline of index "${defaultPipelineIndex}"`,
        request: { method: 'PUT', path, body },
      },
    ],
  };
}

/** What earlier runs left that is used no more, models first: a connector in use cannot be deleted. */
function planSurplus(state: OpenSearchState, kept: ReadonlySet<string>): Planned {
  const isSurplus = ({ id, mark }: FoundEntry): boolean => mark !== undefined && !kept.has(id);
  const models = state.models.filter(isSurplus);
  const connectors = state.connectors.filter(isSurplus);
  return {
    parts: [
      ...models.map(({ id }) => part('model', id, 'surplus')),
      ...connectors.map(({ id }) => part('connector', id, 'surplus')),
    ],
    steps: deletionSteps({ models, connectors }).map((step, i) => ({
      ...step,
      // Searches that were sent before the pipeline was switched still ask the old model.
      ...(i === 0 && models.length > 0 && { pauseMs: pauseFor(state.connectors) }),
    })),
  };
}

/** As long as a search in hand may wait for the service, and a second for its first stage. */
function pauseFor(connectors: readonly FoundEntry[]): number {
  const seconds = connectors.map(({ source }) => {
    const { read_timeout: readTimeout } = (source['client_config'] ?? {}) as { read_timeout?: unknown };
    return typeof readTimeout === 'number' ? readTimeout : 0;
  });
  return 1000 * (Math.min(Math.max(0, ...seconds), longestPauseSeconds) + 1);
}

const longestPauseSeconds = 30;

function part(
  kind: string,
  name: string,
  state: PlannedPart['state'],
  differences: readonly string[] = [],
): PlannedPart {
  return { part: kind, name, state, differences };
}
