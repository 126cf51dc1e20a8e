/** What has to be sent so that Elasticsearch has the endpoint, or has it no more. Pure. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import { differencesOf, onlyNamed, type Plan, type PlanStep } from '../../install/index.ts';
import { type EndpointDefinition, endpointBody, pathOf } from './options.ts';
import type { ElasticsearchState, Licence } from './state.ts';

/** Licences that may use inference endpoints and the reranking retriever. */
const sufficient = new Set(['enterprise', 'trial']);

/**
 * Plans an installation. The server cannot change an endpoint's address or template in place, and its id is what
 * searches name: a changed endpoint is deleted and made again.
 *
 * @param options - `isForced`: replace the endpoint even when nothing that can be read differs (its key cannot), and
 * even when something refers to it.
 */
export function planElasticsearchInstall(
  state: ElasticsearchState,
  wanted: EndpointDefinition,
  options: { readonly isForced?: boolean } = {},
): Plan {
  const { isForced = false } = options;
  const { endpoint } = state;
  const blockers = [...licenceIssues(state.licence), ...foreignIssues(state, wanted)];
  const part = { part: 'inference endpoint', name: wanted.id };
  const create: PlanStep = {
    does: `create inference endpoint "${wanted.id}"`,
    request: { method: 'PUT', path: pathOf(wanted.id), body: endpointBody(wanted) },
  };
  const warnings = [
    'Creating the endpoint asks the service once: it has to run, and the cluster has to reach it.',
    ...useWarnings,
  ];
  if (!endpoint) {
    return { parts: [{ ...part, state: 'absent', differences: [] }], steps: [create], warnings, blockers };
  }
  const differences = differencesOf(
    onlyNamed({ service: endpoint.service, ...endpoint.settings }, { service: '', ...wanted.settings }),
    { service: wanted.service, ...wanted.settings },
  );
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
    parts: [{ ...part, state: 'changed', differences }],
    steps: [deletion(wanted.id, isForced), create],
    warnings: [gap, ...warnings],
    blockers,
  };
}

/** Plans a removal; nothing when there is no endpoint. */
export function planElasticsearchUninstall(
  { endpoint }: ElasticsearchState,
  name: string,
  options: { readonly isForced?: boolean } = {},
): Plan {
  if (!endpoint) return { parts: [], steps: [], warnings: [], blockers: [] };
  return {
    parts: [{ part: 'inference endpoint', name, state: 'surplus', differences: [] }],
    steps: [deletion(name, options.isForced ?? false)],
    warnings: [
      `Searches that name "${name}" in a text_similarity_reranker or in ES|QL's RERANK will fail. The server knows references of ingest pipelines and semantic_text fields alone: for those, --force.`,
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

/** What stands in the way of a licence, said plainly; nothing when it suffices or is not known. */
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

function foreignIssues({ endpoint }: ElasticsearchState, { id }: EndpointDefinition): ConfigurationIssue[] {
  if (!endpoint || ['custom', 'hugging_face'].includes(endpoint.service)) return [];
  const message = `somebody else made an inference endpoint of this id, of the service "${endpoint.service}": give another --name`;
  return [{ path: id, message }];
}
