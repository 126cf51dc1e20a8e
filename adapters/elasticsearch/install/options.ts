/** Options of an inference endpoint in Elasticsearch, and the endpoint's definition, word for word. */
import { ConfigurationError, type ConfigurationIssue } from '../../../engine/index.ts';
import { rerankAddress } from '../../install/index.ts';

/**
 * How Elasticsearch talks to the service: in Cohere's form by a template of ours, or in TEI's form, which it knows
 * itself.
 */
export type InferenceService = 'custom' | 'hugging_face';

/** Options of an installation in Elasticsearch. */
export interface ElasticsearchInstallOptions {
  /** Address of the reranking service as the cluster reaches it, e.g. `http://blockrank:8080`; a path counts as its prefix. */
  readonly serviceUrl: string;
  /** Id of the inference endpoint. @defaultValue 'blockrank' */
  readonly name?: string | undefined;
  /** The form in which Elasticsearch talks to the service. @defaultValue 'custom' */
  readonly inference?: InferenceService | undefined;
  /** The service's key. @defaultValue none is sent */
  readonly serviceKey?: string | undefined;
  /** The service's model; for `custom` alone. @defaultValue the service's own */
  readonly model?: string | undefined;
}

/** The inference endpoint that the options ask for. */
export interface EndpointDefinition {
  /** Its id. */
  readonly id: string;
  /** The service of Elasticsearch that calls ours. */
  readonly service: InferenceService;
  /** Its settings, without the secret ones. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Its secret settings; the server never shows them. */
  readonly secrets: Readonly<Record<string, unknown>>;
}

/** The most requests that an endpoint sends a minute; the server's own default for `hugging_face` is 3000. */
const requestsPerMinute = 10_000;

/**
 * The endpoint that the options ask for.
 *
 * @throws ConfigurationError listing every option that cannot be.
 */
export function endpointDefinition(options: ElasticsearchInstallOptions): EndpointDefinition {
  const { name: id = 'blockrank', inference: service = 'custom', serviceKey, model } = options;
  const issues: ConfigurationIssue[] = [];
  const url = rerankAddress(options.serviceUrl, service === 'custom' ? '/v1/rerank' : '/rerank', issues);
  if (!/^[a-z0-9](?:[a-z0-9_-]{0,98}[a-z0-9])?$/.test(id)) {
    const message = `expected lower-case letters, digits, "-" and "_", beginning and ending with a letter or digit, got "${id}"`;
    issues.push({ path: 'name', message });
  }
  if (model !== undefined && service === 'hugging_face') {
    issues.push({ path: 'model', message: 'the form of TEI ("hugging_face") names no model: take "custom"' });
  }
  if (model?.includes('${')) {
    issues.push({ path: 'model', message: `expected a name, got a template: "${model}"` });
  }
  if (issues.length > 0) throw new ConfigurationError('Cannot install', issues);
  const rate_limit = { requests_per_minute: requestsPerMinute };
  if (service === 'hugging_face') {
    // Elasticsearch demands a key even when our service needs none.
    const secrets = { api_key: serviceKey ?? 'none' };
    return { id, service, settings: { url, rate_limit }, secrets };
  }
  return {
    id,
    service,
    settings: { url, ...customSettings(serviceKey, model), rate_limit },
    secrets: serviceKey === undefined ? {} : { secret_parameters: { api_key: serviceKey } },
  };
}

/**
 * The request and the response of a `custom` endpoint. The template names only values that a `text_similarity_reranker`
 * gives: it gives neither `top_n` nor `return_documents`, and a value that is missing fails the search. Elasticsearch
 * puts values in as JSON, so no quotes stand around them.
 */
function customSettings(serviceKey: string | undefined, model: string | undefined): object {
  const named = model === undefined ? '' : `"model":${JSON.stringify(model)},`;
  return {
    headers: {
      'Content-Type': 'application/json',
      ...(serviceKey !== undefined && { Authorization: 'Bearer ${api_key}' }),
    },
    request: `{${named}"query":\${query},"documents":\${input}}`,
    response: {
      json_parser: {
        relevance_score: '$.results[*].relevance_score',
        reranked_index: '$.results[*].index',
      },
    },
  };
}

/** The body that creates the endpoint. */
export function endpointBody({ service, settings, secrets }: EndpointDefinition): object {
  return { service, service_settings: { ...settings, ...secrets } };
}

/** The id of the trial endpoint, on which an installation tries a changed definition first. */
export function trialId(id: string): string {
  return `${id}-trial`;
}

/** The path of an endpoint in the inference API. */
export function pathOf(id: string): string {
  return `/_inference/rerank/${encodeURIComponent(id)}`;
}
