/** Tells which parts of an installation exist, and whether anybody changed them. Pure. */
import { definitionDigest, readMark } from '../../install/index.ts';
import { neededSettings } from './cluster-settings.ts';
import { readTimeoutOf, urlOf } from './connector.ts';
import { definitionOfConnector, definitionOfPipeline } from './definitions.ts';
import { modelOf, type RerankProcessor, rerankOf } from './pipelines.ts';
import type { FoundEntry, OpenSearchState, Pipeline } from './state.ts';

/** One part of an installation. */
export interface PartStatus {
  /** The kind of part. */
  readonly part: 'connector' | 'model' | 'pipeline' | 'cluster settings' | 'default pipeline';
  /**
   * The part's state: `changed` when somebody changed it after the installation; `foreign` when somebody else made it.
   */
  readonly state: 'present' | 'absent' | 'changed' | 'foreign' | 'deployed' | 'not deployed';
  /** Details for the operator, in words. */
  readonly detail: string;
  /** Whether the part keeps the cluster from reranking. */
  readonly isFault: boolean;
}

/** The status of an installation. */
export interface OpenSearchStatus {
  /** The server's version. */
  readonly version: string;
  /** The status of each part. */
  readonly parts: readonly PartStatus[];
  /** The pipeline's model; absent when there is no pipeline. */
  readonly modelId?: string;
  /** The address that the connector calls; absent when there is no connector. */
  readonly url?: string;
  /** How long the connector waits for the service, in seconds; absent when there is no connector. */
  readonly readTimeoutSeconds?: number;
}

/** The status of the installation in the state that was read. */
export function openSearchStatus(state: OpenSearchState, name: string): OpenSearchStatus {
  const pipeline = state.pipelines[name];
  const modelId = pipeline && modelOf(pipeline);
  const model = state.models.find(({ id }) => id === modelId) ?? state.models.find(({ mark }) => mark);
  const connectorId = model?.source['connector_id'];
  const connector =
    state.connectors.find(({ id }) => id === connectorId) ?? state.connectors.find(({ mark }) => mark);
  const url = connector && urlOf(connector);
  const indices = Object.keys(state.defaults).filter((index) => state.defaults[index] === name);
  return {
    version: state.version,
    parts: [
      connectorStatus(connector, url),
      modelStatus(model),
      pipelineStatus(name, pipeline),
      ...(url === undefined ? [] : [settingsStatus(state, url)]),
      {
        part: 'default pipeline',
        state: indices.length > 0 ? 'present' : 'absent',
        detail: indices.length > 0 ? `of ${indices.join(', ')}` : 'of no index',
        isFault: false,
      },
    ],
    ...(modelId !== undefined && { modelId }),
    ...(url !== undefined && { url }),
    ...(connector && { readTimeoutSeconds: readTimeoutOf(connector) }),
  };
}

function connectorStatus(connector: FoundEntry | undefined, url: string | undefined): PartStatus {
  const part = 'connector';
  if (!connector)
    return { part, state: 'absent', detail: 'run "blockrank install opensearch"', isFault: true };
  const { id, mark, source } = connector;
  const detail = `${id} -> ${url}`;
  if (!mark) return { part, state: 'foreign', detail, isFault: false };
  const isAsMade = definitionDigest(definitionOfConnector(source)) === mark.digest;
  if (isAsMade)
    return { part, state: 'present', detail: `${detail}, made by ${mark.version}`, isFault: false };
  return { part, state: 'changed', detail: `${detail}, not as ${mark.version} made it`, isFault: false };
}

function modelStatus(model: FoundEntry | undefined): PartStatus {
  const part = 'model';
  if (!model) return { part, state: 'absent', detail: 'run "blockrank install opensearch"', isFault: true };
  const state = String(model.source['model_state']);
  const isDeployed = state === 'DEPLOYED';
  // The server itself deploys a model at the first question, so this is no fault.
  return {
    part,
    state: isDeployed ? 'deployed' : 'not deployed',
    detail: `${model.id}, ${state}`,
    isFault: !isDeployed && state.endsWith('FAILED'),
  };
}

function pipelineStatus(name: string, pipeline: Pipeline | undefined): PartStatus {
  const part = 'pipeline';
  if (!pipeline) return { part, state: 'absent', detail: `no search pipeline "${name}"`, isFault: true };
  const mark = readMark(pipeline['description']);
  const rerank = rerankOf(pipeline);
  const isFault = rerank === undefined;
  const detail = `"${name}" ${rerank ? described(rerank) : 'has no rerank processor: its searches are not reranked'}`;
  if (!mark) return { part, state: 'foreign', detail: `${detail}; somebody else made it`, isFault };
  const isAsMade = definitionDigest(definitionOfPipeline(pipeline)) === mark.digest;
  return { part, state: isAsMade ? 'present' : 'changed', detail, isFault };
}

function described({ context, ignore_failure: ignoresFailure }: RerankProcessor): string {
  const fields = context?.document_fields ?? [];
  const failures = ignoresFailure === true ? 'failures keep the first order' : 'failures fail the search';
  return `reads ${fields.join(', ') || 'no field'}; ${failures}`;
}

function settingsStatus({ settings }: OpenSearchState, url: string): PartStatus {
  const needed = neededSettings(url, settings, { createsConnector: false });
  const detail =
    needed.length === 0
      ? 'let the cluster call the service'
      : needed.map(({ name, why }) => `${name}: ${why}`).join('; ');
  return {
    part: 'cluster settings',
    state: needed.length === 0 ? 'present' : 'changed',
    detail,
    isFault: needed.length > 0,
  };
}
