/** Plans the calls that give Elasticsearch the endpoint, or take it away. Pure. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import { differencesOf, type InstallPlan, onlyNamed, type PlanStep } from '../../install/index.ts';
import { type EndpointDefinition, endpointBody, pathOf, trialId } from './options.ts';
import type { ElasticsearchState, FoundEndpoint, Licence } from './state.ts';
import { endpointQuestion, endpointTimeoutMs, faultInRanking } from './trial.ts';

/** Licences that allow inference endpoints and the reranking retriever. */
const sufficient = new Set(['enterprise', 'trial']);

/**
 * Plans an installation. The server cannot change an endpoint's address or template in place, and searches name an
 * endpoint by its id. So the plan makes a changed endpoint under another id and asks it; only when it answers does the
 * plan delete the old endpoint and make it again.
 *
 * @param options - `isForced`: replaces the endpoint even when nothing readable differs (its key cannot be read), and
 * even when something refers to it.
 */
export function planElasticsearchInstall(
  state: ElasticsearchState,
  wanted: EndpointDefinition,
  options: { readonly isForced?: boolean } = {},
): InstallPlan {
  const { isForced = false } = options;
  const { endpoint } = state;
  const blockers = [...licenceIssues(state.licence), ...foreignIssues(state, wanted.id)];
  const part = { part: 'inference endpoint', name: wanted.id };
  const warnings = [
    'Creating the endpoint asks the service once: it has to run, and the cluster has to reach it.',
    ...useWarnings,
  ];
  if (!endpoint) {
    const steps = [creation(wanted)];
    return { parts: [{ ...part, state: 'absent', differences: [] }], steps, warnings, blockers };
  }
  const differences = differencesIn(endpoint, wanted);
  if (differences.length === 0 && !isForced) {
    const told = Object.keys(wanted.secrets).length > 0 ? [keyWarning] : [];
    return {
      parts: [{ ...part, state: 'unchanged', differences }],
      steps: [],
      warnings: [...told, ...useWarnings],
      blockers,
    };
  }
  const gap = `Until "${wanted.id}" is made again, searches that name it fail, or keep the first stage's order with "allow_rerank_failures".`;
  return {
    parts: [{ ...part, state: isForeign(endpoint) ? 'foreign' : 'changed', differences }],
    steps: [...trialSteps(state, wanted), ...swapSteps(wanted, isForced)],
    warnings: [gap, ...warnings],
    blockers: [...blockers, ...trialIssues(state, wanted.id, isForced)],
  };
}

/** Settings that the server adds itself do not count, but every header does: the server adds none. */
function differencesIn({ service, settings }: FoundEndpoint, wanted: EndpointDefinition): string[] {
  const named = onlyNamed({ service, ...settings }, { service: '', ...wanted.settings }) as object;
  const { headers } = settings;
  const whole = 'headers' in wanted.settings && headers !== undefined ? { headers } : {};
  return differencesOf({ ...named, ...whole }, { service: wanted.service, ...wanted.settings });
}

function creation(wanted: EndpointDefinition): PlanStep {
  return {
    does: `create inference endpoint "${wanted.id}"`,
    request: { method: 'PUT', path: pathOf(wanted.id), body: endpointBody(wanted) },
    timeoutMs: endpointTimeoutMs,
  };
}

/** Makes the wanted endpoint under another id, asks it, and deletes it; no search uses that id. */
function trialSteps({ trial }: ElasticsearchState, wanted: EndpointDefinition): PlanStep[] {
  const id = trialId(wanted.id);
  const ifItFails = `The endpoint "${wanted.id}" is as it was, and searches go on.`;
  const remove = deletion(id, false);
  const steps: PlanStep[] = [
    { ...creation({ ...wanted, id }), undo: remove.request },
    {
      does: `ask inference endpoint "${id}"`,
      request: endpointQuestion(id),
      timeoutMs: endpointTimeoutMs,
      faultOf: faultInRanking,
    },
    remove,
  ];
  return [...(trial ? [remove] : []), ...steps].map((step) => ({ ...step, ifItFails }));
}

function swapSteps(wanted: EndpointDefinition, isForced: boolean): PlanStep[] {
  const { id } = wanted;
  return [
    { ...deletion(id, isForced), ifItFails: `The endpoint "${id}" is as it was, and searches go on.` },
    {
      ...creation(wanted),
      ifItFails: `The endpoint "${id}" was deleted and is not there again: searches that name it fail until this is run again.`,
    },
  ];
}

/** Plans a removal; the plan is empty when there is no endpoint. */
export function planElasticsearchUninstall(
  state: ElasticsearchState,
  name: string,
  options: { readonly isForced?: boolean } = {},
): InstallPlan {
  const { endpoint, trial } = state;
  const left = trial
    ? [
        `"${trialId(name)}" is there as well, perhaps left by an interrupted run: DELETE ${pathOf(trialId(name))} removes it.`,
      ]
    : [];
  if (!endpoint) return { parts: [], steps: [], warnings: left, blockers: [] };
  const part = { part: 'inference endpoint', name, differences: [] };
  if (isForeign(endpoint)) {
    const blockers = foreignIssues(state, name);
    return { parts: [{ ...part, state: 'foreign' }], steps: [], warnings: left, blockers };
  }
  return {
    parts: [{ ...part, state: 'surplus' }],
    steps: [deletion(name, options.isForced ?? false)],
    warnings: [
      `Searches that name "${name}" in a text_similarity_reranker or in ES|QL's RERANK will fail. The server knows references of ingest pipelines and semantic_text fields alone: for those, --force.`,
      ...left,
    ],
    blockers: [],
  };
}

const keyWarning =
  'The server does not show keys: whether this one is in use cannot be told. To replace it, give --force.';

const useWarnings: readonly string[] = [
  'A text_similarity_reranker reads exactly one field, and "rank_window_size" (10 unless given) must be at least from + size.',
  'Without "allow_rerank_failures": true, a search fails when the service does.',
];

function deletion(id: string, isForced: boolean): PlanStep {
  const querystring = isForced ? { force: 'true' } : undefined;
  return {
    does: `delete inference endpoint "${id}"`,
    request: { method: 'DELETE', path: pathOf(id), querystring },
    mayBeGone: true,
  };
}

/** The issue of a licence that does not suffice; none when it suffices or is unknown. */
export function licenceIssues(licence: Licence | undefined): ConfigurationIssue[] {
  if (!licence) return [];
  const { type, status } = licence;
  const instead =
    'What works under any licence: "blockrank proxy" in front of the cluster, or reranking inside the client (withElasticsearchReranking)';
  if (!sufficient.has(type)) {
    const message = `this cluster has a ${type} licence; inference endpoints need Enterprise or a trial (POST /_license/start_trial?acknowledge=true, 30 days). ${instead}`;
    return [{ path: 'licence', message }];
  }
  if (status === 'active') return [];
  return [{ path: 'licence', message: `this cluster's ${type} licence is ${status}. ${instead}` }];
}

function isForeign({ service }: FoundEndpoint): boolean {
  return !['custom', 'hugging_face'].includes(service);
}

function foreignIssues({ endpoint }: ElasticsearchState, id: string): ConfigurationIssue[] {
  if (!(endpoint && isForeign(endpoint))) return [];
  const message = `somebody else made the inference endpoint "${id}", of the service "${endpoint.service}": it stays; give another --name`;
  return [{ path: '--name', message }];
}

/**
 * An endpoint carries no mark that says who made it, so the plan deletes a trial endpoint only by force, and never one
 * that cannot be ours.
 */
function trialIssues({ trial }: ElasticsearchState, id: string, isForced: boolean): ConfigurationIssue[] {
  if (!trial || (isForced && !isForeign(trial))) return [];
  const taken = `an inference endpoint of this id is there, on which "${id}" would be tried first`;
  const message = isForeign(trial)
    ? `${taken}; somebody else made it, of the service "${trial.service}": give another --name`
    : `${taken}: when an interrupted run left it, give --force to delete it; otherwise give another --name`;
  return [{ path: trialId(id), message }];
}
