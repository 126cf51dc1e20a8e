/**
 * Plans the calls after which a cluster reranks as wanted. Pure. The plan never changes a connector in place: servers
 * refuse that while a model is deployed on it, and undeploying would fail searches meanwhile. It makes a new connector
 * and a new model beside the old ones, asks the model, switches the pipeline in one call, and then deletes the old
 * ones.
 */
import { differencesOf, type InstallPlan, onlyNamed, readMark } from '../../install/index.ts';
import { answerTimeoutMs } from './answer-time.ts';
import { neededSettings, privateSetting, settingIssues, settingsStep } from './cluster-settings.ts';
import {
  type ConnectorDefinition,
  connectorBody,
  connectorDefinition,
  connectorMark,
  definitionOfConnector,
  modelBody,
  pipelineBody,
} from './definitions.ts';
import { deploymentWait, deployStep, registrationWait } from './model-steps.ts';
import type { OpenSearchInstallSettings } from './options.ts';
import { isOurs, modelOf } from './pipelines.ts';
import { planDefault, replacedDefaults } from './plan-default.ts';
import { planSurplus } from './plan-surplus.ts';
import { type Planned, part } from './planned.ts';
import type { FoundEntry, OpenSearchState } from './state.ts';
import { faultInScores, modelQuestion } from './trial.ts';
import { installWarnings } from './warnings.ts';

/** What an operator allows beside the options. */
export interface OpenSearchPlanOptions {
  /** Whether the plan may set the cluster settings that reranking needs. @defaultValue false */
  readonly setsClusterSettings?: boolean;
  /** Whether the plan may replace somebody else's default pipeline. @defaultValue false */
  readonly isForced?: boolean;
}

/** Plans an installation. After a run of the plan, planning again gives a plan without calls. */
export function planOpenSearchInstall(
  state: OpenSearchState,
  settings: OpenSearchInstallSettings,
  { setsClusterSettings = false, isForced = false }: OpenSearchPlanOptions = {},
): InstallPlan {
  const connector = planConnector(state, settings);
  const createsConnector = connector.steps.length > 0;
  const access = planAccess(state, settings, { setsClusterSettings, createsConnector });
  const isFreed = access.steps.length > 0 && access.parts.some(({ name }) => name === privateSetting);
  const model = planModel(state, settings, { connectorId: connector.id, isRedeployed: isFreed });
  const byDefault = planDefault(state, settings, { isForced });
  const planned: Planned[] = [
    access,
    connector,
    model,
    planProof(state, settings, { modelId: model.id, changesDefault: byDefault.steps.length > 0 }),
    planPipeline(state, settings, model.id),
    byDefault,
    planSurplus(state, settings, new Set([connector.id, model.id])),
  ];
  return {
    parts: planned.flatMap(({ parts }) => parts),
    steps: planned.flatMap(({ steps }) => steps),
    warnings: [...installWarnings(state, settings), ...planned.flatMap(({ warnings = [] }) => warnings)],
    blockers: planned.flatMap(({ blockers = [] }) => blockers),
  };
}

function planAccess(
  { settings: cluster }: OpenSearchState,
  { url }: OpenSearchInstallSettings,
  options: { readonly setsClusterSettings: boolean; readonly createsConnector: boolean },
): Planned {
  const needed = neededSettings(url, cluster, options);
  if (!options.setsClusterSettings) return { parts: [], steps: [], blockers: settingIssues(needed) };
  const parts = needed.map(({ name, value, why }) => {
    const change = Array.isArray(value) ? `adds ${JSON.stringify(value.at(-1))}` : `becomes ${String(value)}`;
    return part('cluster setting', name, 'changed', [`${change}: ${why}`]);
  });
  return { parts, steps: settingsStep(needed) };
}

/**
 * Time limit of the first calls, which make ML Commons' key and indices, in milliseconds: on a busy machine they take
 * longer than the clients wait (26 s and over 30 s, two cores with a load of 12, 2026-11).
 */
const firstCallMs = 120_000;

/** A connector or model that the installation uses: its id, or the name that a step binds. */
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
        timeoutMs: firstCallMs,
      },
    ],
  };
}

/**
 * The differences between a connector and the wanted one. Members that the server adds itself do not count, but every
 * parameter and every header does: the server adds none.
 */
function differencesIn(source: FoundEntry['source'], wanted: ConnectorDefinition): string[] {
  const there = definitionOfConnector(source);
  const named = onlyNamed(there, wanted) as ConnectorDefinition;
  const actions = named.actions.map((action, i) => ({ ...action, headers: there.actions[i]?.['headers'] }));
  return differencesOf({ ...named, parameters: there.parameters, actions }, wanted);
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
      steps: [{ does, request, binds, waits, timeoutMs: firstCallMs }],
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

/**
 * Asks the model before the plan switches searches to it, so that a silent model breaks nothing. A new pipeline needs
 * no such question: no search goes through it yet.
 */
function planProof(
  { pipelines }: OpenSearchState,
  { name, readTimeoutSeconds }: OpenSearchInstallSettings,
  { modelId, changesDefault }: { readonly modelId: string; readonly changesDefault: boolean },
): Planned {
  const there = pipelines[name];
  const switchesPipeline = there !== undefined && isOurs(there) && modelOf(there) !== modelId;
  if (!(switchesPipeline || changesDefault)) return { parts: [], steps: [] };
  return {
    parts: [],
    steps: [
      {
        does: `ask the model of "${name}" before searches are switched to it`,
        request: modelQuestion(modelId, name),
        timeoutMs: answerTimeoutMs(readTimeoutSeconds),
        faultOf: faultInScores,
        ifItFails:
          'Nothing was switched: searches go on as before. Correct what is wrong and run this again, which takes up the new connector and model; run it with the options of before, and it deletes them.',
      },
    ],
  };
}

function planPipeline(state: OpenSearchState, settings: OpenSearchInstallSettings, modelId: string): Planned {
  const { name } = settings;
  const there = state.pipelines[name];
  if (there && !isOurs(there)) {
    const message = `somebody else made a search pipeline of this name: give another --name, or delete it (DELETE /_search/pipeline/${name})`;
    return { parts: [part('pipeline', name, 'foreign')], steps: [], blockers: [{ path: '--name', message }] };
  }
  const before = { ...readMark(there?.['description'])?.before, ...replacedDefaults(state, settings) };
  const wanted = pipelineBody(settings, modelId, { canWiden: state.canWiden, before });
  // The mark changes with every other part, so its difference says nothing.
  const differences = there ? differencesOf(there, wanted) : [];
  const told = differences.filter((line) => !line.startsWith('description:'));
  if (there && differences.length === 0) return { parts: [part('pipeline', name, 'unchanged')], steps: [] };
  const request = { method: 'PUT' as const, path: `/_search/pipeline/${name}`, body: wanted };
  return {
    parts: [part('pipeline', name, there ? 'changed' : 'absent', told)],
    steps: [{ does: `${there ? 'change' : 'create'} search pipeline "${name}"`, request }],
  };
}
