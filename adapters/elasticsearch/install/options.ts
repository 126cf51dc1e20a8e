/** Options of an inference endpoint in Elasticsearch, and the endpoint's definition, word for word. */
import { ConfigurationError, type ConfigurationIssue } from '../../../engine/index.ts';
import { rerankAddress } from '../../install/index.ts';

/** How Elasticsearch talks to the service: Cohere's form by a template of ours, or TEI's form as it knows it. */
export type InferenceService = 'custom' | 'hugging_face';

/** What is installed, and how. */
export interface ElasticsearchInstallOptions {
  /** Address of the reranking service as the cluster reaches it, e.g. `http://blockrank:8080`; a path counts as its prefix. */
  readonly serviceUrl: string;
  /** Id of the inference endpoint. @defaultValue 'blockrank' */
  readonly name?: string | undefined;
  /** How the service is spoken to. @defaultValue 'custom' */
  readonly inference?: InferenceService | undefined;
  /** The service's key. @defaultValue none is sent */
  readonly serviceKey?: string | undefined;
  /** The service's model; for `custom` alone. @defaultValue the service's own */
  readonly model?: string | undefined;
}

/** The endpoint that is wanted. */
export interface EndpointDefinition {
  /** Its id. */
  readonly id: string;
  /** Which service of Elasticsearch speaks. */
  readonly service: InferenceService;
  /** Its settings, without the secret ones. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Its secret settings; the server never shows them. */
  readonly secrets: Readonly<Record<string, unknown>>;
}

/** Requests a minute that an endpoint sends at most; the server's own default for `hugging_face` is 3000. */
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
    // The service of Elasticsearch wants a key even for a server that asks for none.
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
 * What `custom` sends and reads. The template holds nothing that a `text_similarity_reranker` leaves out: it sends
 * neither `top_n` nor `return_documents`, and a template without its value fails the search. Values are put in as
 * JSON, so no quotes stand around them.
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

/** The id of the endpoint on which a changed one is tried first. */
export function trialId(id: string): string {
  return `${id}-trial`;
}

/** Where an endpoint lives. */
export function pathOf(id: string): string {
  return `/_inference/rerank/${encodeURIComponent(id)}`;
}
