/** What has to be sent so that nothing of an installation is left. Pure. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import type { Plan, PlannedPart, PlanStep } from '../../install/index.ts';
import { trustedPattern, trustedSetting, untrustStep } from './cluster-settings.ts';
import { deletionSteps } from './model-steps.ts';
import type { FoundEntry, OpenSearchState } from './state.ts';

/** How an installation is removed. */
export interface OpenSearchUninstallOptions {
  /** Name of the pipeline, the model and the connector. */
  readonly name: string;
  /** Whether it is removed even from indices that have the pipeline as default, and from under other pipelines. @defaultValue false */
  readonly isForced?: boolean;
  /** Whether the regular expression that trusts the service is removed too. @defaultValue false */
  readonly setsClusterSettings?: boolean;
}

/**
 * Plans a removal: indices' defaults (when forced), pipeline, model, connector, the model's group, in an order that the
 * server takes. Things of the name that somebody else made stay.
 */
export function planOpenSearchUninstall(state: OpenSearchState, options: OpenSearchUninstallOptions): Plan {
  const { name } = options;
  const models = state.models.filter(({ mark }) => mark);
  const connectors = state.connectors.filter(({ mark }) => mark);
  const groups = state.groups.filter(({ mark }) => mark);
  const pipeline = state.pipelines[name];
  const isOurs = String(pipeline?.['description']).startsWith('Made by blockrank ');
  const access = accessPlan(state, connectors, options);
  return {
    parts: [
      ...(isOurs ? [surplus('pipeline', name)] : []),
      ...models.map(({ id }) => surplus('model', id)),
      ...groups.map(({ id }) => surplus('model group', id)),
      ...connectors.map(({ id }) => surplus('connector', id)),
    ],
    steps: [
      ...(options.isForced ? defaultSteps(state, name) : []),
      ...(isOurs
        ? [deletion(`search pipeline "${name}"`, `/_search/pipeline/${encodeURIComponent(name)}`)]
        : []),
      ...deletionSteps({ models, connectors: [] }),
      ...deletionSteps({ models: [], connectors }),
      ...groups.map(({ id }) => deletion(`model group "${id}"`, `/_plugins/_ml/model_groups/${id}`)),
      ...access.steps,
    ],
    warnings: [
      ...(pipeline && !isOurs ? [`Somebody else made the search pipeline "${name}": left alone.`] : []),
      ...access.warnings,
    ],
    blockers: options.isForced ? [] : usesOf(state, name, models),
  };
}

function surplus(part: string, name: string): PlannedPart {
  return { part, name, state: 'surplus', differences: [] };
}

function deletion(what: string, path: string): PlanStep {
  return { does: `delete ${what}`, request: { method: 'DELETE', path }, mayBeGone: true };
}

/** Indices that have the pipeline as default: their searches would all answer 400 without it. */
function indicesOf({ defaults }: OpenSearchState, name: string): string[] {
  return Object.keys(defaults).filter((index) => defaults[index] === name);
}

function defaultSteps(state: OpenSearchState, name: string): PlanStep[] {
  return indicesOf(state, name).map((index) => ({
    does: `take the default pipeline from index "${index}"`,
    request: {
      method: 'PUT',
      path: `/${encodeURIComponent(index)}/_settings`,
      body: { 'index.search.default_pipeline': null },
    },
    mayBeGone: true,
  }));
}

function usesOf(state: OpenSearchState, name: string, models: readonly FoundEntry[]): ConfigurationIssue[] {
  const indices = indicesOf(state, name).map((index) => ({
    path: index,
    message: `this index has "${name}" as its default pipeline; without it every search there would answer 400: give --force to take the default away too`,
  }));
  const others = Object.entries(state.pipelines).filter(
    ([other, pipeline]) =>
      other !== name && models.some(({ id }) => JSON.stringify(pipeline).includes(`"${id}"`)),
  );
  const pipelines = others.map(([other]) => ({
    path: other,
    message: 'this search pipeline uses the model: change it first, or give --force',
  }));
  return [...indices, ...pipelines];
}

/** Settings are left unless asked for; our regular expression is told by the connector's address. */
function accessPlan(
  { settings }: OpenSearchState,
  connectors: readonly FoundEntry[],
  { setsClusterSettings }: OpenSearchUninstallOptions,
): { readonly steps: readonly PlanStep[]; readonly warnings: readonly string[] } {
  const urls = [...new Set(connectors.map(urlOf))].filter((url) => url !== undefined);
  const trusted = urls.flatMap((url) => {
    const step = untrustStep(url, settings);
    return step ? [{ url, step }] : [];
  });
  if (setsClusterSettings) return { steps: trusted.map(({ step }) => step), warnings: [] };
  const warnings = trusted.map(
    ({ url }) =>
      `The cluster setting "${trustedSetting}" keeps the entry ${trustedPattern(url)}: give --set-cluster-settings to remove exactly that one.`,
  );
  return { steps: [], warnings };
}

/** The address that a connector calls. */
export function urlOf({ source }: FoundEntry): string | undefined {
  const [action] = (source['actions'] as readonly { url?: unknown }[] | undefined) ?? [];
  return typeof action?.url === 'string' && URL.canParse(action.url) ? action.url : undefined;
}
