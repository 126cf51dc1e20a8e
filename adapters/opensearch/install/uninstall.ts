/** Plans the calls that remove every part of an installation. Pure. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import { type InstallPlan, type PlanStep, readMark } from '../../install/index.ts';
import { trustedPattern, trustedPatterns, trustedSetting, untrustStep } from './cluster-settings.ts';
import { urlOf } from './connector.ts';
import { deletionSteps } from './model-steps.ts';
import { isOurs, otherUsersOf } from './pipelines.ts';
import { defaultStep, noDefaultStep } from './plan-default.ts';
import { type Planned, part } from './planned.ts';
import type { FoundEntry, OpenSearchState } from './state.ts';

/** Options of {@link planOpenSearchUninstall}. */
export interface OpenSearchUninstallOptions {
  /** Name of the pipeline, the model and the connector. */
  readonly name: string;
  /**
   * Whether the plan removes the installation even where indices have the pipeline as default, or other pipelines use
   * its model. @defaultValue false
   */
  readonly isForced?: boolean;
  /** Whether the plan also removes the regular expression that trusts the service. @defaultValue false */
  readonly setsClusterSettings?: boolean;
}

/**
 * Plans a removal: indices' defaults (when forced), pipeline, model, connector, the model's group, in an order that the
 * server takes. Things with the same name that somebody else made stay.
 */
export function planOpenSearchUninstall(
  state: OpenSearchState,
  options: OpenSearchUninstallOptions,
): InstallPlan {
  const { name, isForced = false } = options;
  const models = state.models.filter(({ mark }) => mark);
  const connectors = state.connectors.filter(({ mark }) => mark);
  const groups = state.groups.filter(({ mark }) => mark);
  const pipeline = state.pipelines[name];
  const isForeign = pipeline !== undefined && !isOurs(pipeline);
  const removesPipeline = pipeline !== undefined && !isForeign;
  // Where the pipeline stays, the defaults that name it stay too.
  const indices = isForeign ? [] : indicesOf(state, name);
  const access = planAccess(state, connectors, options);
  const defaults = planDefaults(state, name, isForced ? indices : []);
  return {
    parts: [
      ...defaults.parts,
      ...(removesPipeline ? [part('pipeline', name, 'surplus')] : []),
      ...models.map(({ id }) => part('model', id, 'surplus')),
      ...groups.map(({ id }) => part('model group', id, 'surplus')),
      ...connectors.map(({ id }) => part('connector', id, 'surplus')),
      ...access.parts,
    ],
    steps: [
      ...defaults.steps,
      ...(removesPipeline
        ? [deletion(`search pipeline "${name}"`, `/_search/pipeline/${encodeURIComponent(name)}`)]
        : []),
      ...deletionSteps({ models, connectors: [] }),
      ...deletionSteps({ models: [], connectors }),
      ...groups.map(({ id }) => deletion(`model group "${id}"`, `/_plugins/_ml/model_groups/${id}`)),
      ...access.steps,
    ],
    warnings: [
      ...(isForeign ? [`Somebody else made the search pipeline "${name}": left alone.`] : []),
      ...(defaults.warnings ?? []),
      ...(access.warnings ?? []),
    ],
    blockers: isForced
      ? []
      : [...indices.map((index) => defaultIssue(index, name)), ...usesOf(state, name, models)],
  };
}

function deletion(what: string, path: string): PlanStep {
  return { does: `delete ${what}`, request: { method: 'DELETE', path }, mayBeGone: true };
}

/** Indices that have the pipeline as default: their searches would all answer 400 without it. */
function indicesOf({ defaults }: OpenSearchState, name: string): string[] {
  return Object.keys(defaults).filter((index) => defaults[index] === name);
}

/** Gives indices their former defaults back, where our mark names a former pipeline and that pipeline still exists. */
function planDefaults(state: OpenSearchState, name: string, indices: readonly string[]): Planned {
  const before = readMark(state.pipelines[name]?.['description'])?.before ?? {};
  const planned = indices.map((index) => {
    const former = before[index];
    const isThere = former !== undefined && former !== '' && former in state.pipelines;
    const step = isThere ? defaultStep(index, former) : noDefaultStep(index);
    const difference = `${index}: ${JSON.stringify(name)} -> ${JSON.stringify(isThere ? former : null)}`;
    const why =
      former === undefined ? 'what it had before is not known' : `"${former}", which it had before, is gone`;
    // An index that had no default before misses nothing.
    const isTold = !isThere && former !== '';
    const warning = `Index "${index}" is left without a default pipeline: ${why}.`;
    return { difference, step: { ...step, mayBeGone: true }, warnings: isTold ? [warning] : [] };
  });
  const differences = planned.map(({ difference }) => difference);
  return {
    parts: planned.length > 0 ? [part('default pipeline', name, 'changed', differences)] : [],
    steps: planned.map(({ step }) => step),
    warnings: planned.flatMap(({ warnings }) => warnings),
  };
}

function usesOf(state: OpenSearchState, name: string, models: readonly FoundEntry[]): ConfigurationIssue[] {
  const others = new Set(models.flatMap(({ id }) => otherUsersOf(state, id, name)));
  return [...others].map((other) => ({
    path: other,
    message: 'this search pipeline uses the model: change it first, or give --force',
  }));
}

function defaultIssue(index: string, name: string): ConfigurationIssue {
  const message = `this index has "${name}" as its default pipeline; without it every search there would answer 400: give --force to take the default away too`;
  return { path: index, message };
}

/**
 * The plan leaves settings alone unless the operator asks for them. It finds our regular expression by the connector's
 * address; an expression that another connector needs stays in any case.
 */
function planAccess(
  { settings, otherConnectors }: OpenSearchState,
  connectors: readonly FoundEntry[],
  { setsClusterSettings }: OpenSearchUninstallOptions,
): Planned {
  const urls = connectors.map(urlOf).filter((url) => url !== undefined);
  const ours = trustedPatterns(urls, settings);
  const neighbours = (pattern: string): FoundEntry[] =>
    otherConnectors.filter((other) => {
      const url = urlOf(other);
      return url !== undefined && trustedPattern(url) === pattern;
    });
  if (!setsClusterSettings) {
    const warnings = ours.map(
      (pattern) =>
        `The cluster setting "${trustedSetting}" keeps the entry ${pattern}: give --set-cluster-settings to remove exactly that one.`,
    );
    return { parts: [], steps: [], warnings };
  }
  const removed = ours.filter((pattern) => neighbours(pattern).length === 0);
  const warnings = ours
    .filter((pattern) => !removed.includes(pattern))
    .map((pattern) => {
      const users = neighbours(pattern).map(({ id, source }) => `${id} ("${String(source['name'])}")`);
      return `The cluster setting "${trustedSetting}" keeps the entry ${pattern}: connector ${users.join(', ')} calls the same service.`;
    });
  if (removed.length === 0) return { parts: [], steps: [], warnings };
  const differences = removed.map((pattern) => `loses ${JSON.stringify(pattern)}`);
  return {
    parts: [part('cluster setting', trustedSetting, 'changed', differences)],
    steps: [untrustStep(removed, settings)],
    warnings,
  };
}
