/** Options of an installation in OpenSearch, checked, with every default filled in. */
import { ConfigurationError, type ConfigurationIssue } from '../../../engine/index.ts';
import { rerankAddress } from '../../install/index.ts';

/** Options of an installation in OpenSearch. */
export interface OpenSearchInstallOptions {
  /** Address of the reranking service as the cluster reaches it, e.g. `http://blockrank:8080`; a path counts as its prefix. */
  readonly serviceUrl: string;
  /** Fields that the model reads, in this order; at least one. */
  readonly fields: readonly string[];
  /** Version of this package, for marks and tags. */
  readonly version: string;
  /** Name of the pipeline, the model and the connector. @defaultValue 'blockrank' */
  readonly name?: string | undefined;
  /** The service's key. @defaultValue none is sent */
  readonly serviceKey?: string | undefined;
  /** The service's model. @defaultValue the service's own */
  readonly model?: string | undefined;
  /** Hits reranked for a page of {@link defaultPageSize}: larger pages grow by the same factor. At least 10. @defaultValue 100 */
  readonly rankWindowSize?: number | undefined;
  /**
   * Whether a search whose reranker fails keeps the first stage's order; otherwise the search fails. @defaultValue true
   */
  readonly ignoreFailure?: boolean | undefined;
  /**
   * Longest wait for the service, in whole seconds, at least 1; nothing else limits the time of a reranked search.
   * @defaultValue 10
   */
  readonly readTimeoutSeconds?: number | undefined;
  /**
   * The function that reads the service's answer: the server's own, which fails a search on whole numbers and long
   * literals, or one in Painless that takes any number, for services other than `blockrank serve`.
   * @defaultValue 'cohere'
   */
  readonly reader?: 'cohere' | 'lenient' | undefined;
  /** A model group of yours. @defaultValue the server makes one by the model's name */
  readonly modelGroupId?: string | undefined;
  /** Index whose searches shall all go through the pipeline; see the warnings. @defaultValue none */
  readonly defaultPipelineIndex?: string | undefined;
}

/** The options of an installation with every default filled in. */
export interface OpenSearchInstallSettings {
  /** Address at which the service reranks. */
  readonly url: string;
  /** Name of the pipeline, the model and the connector. */
  readonly name: string;
  /** Fields that the model reads. */
  readonly fields: readonly string[];
  /** Version of this package. */
  readonly version: string;
  /** The service's key. */
  readonly serviceKey: string | undefined;
  /** The service's model. */
  readonly model: string | undefined;
  /** Hits reranked for a page of {@link defaultPageSize}. */
  readonly rankWindowSize: number;
  /** Whether a search whose reranker fails keeps the first stage's order. */
  readonly ignoreFailure: boolean;
  /** Longest wait for the service, in seconds. */
  readonly readTimeoutSeconds: number;
  /** The function that reads the service's answer. */
  readonly reader: 'cohere' | 'lenient';
  /** A model group of the operator's. */
  readonly modelGroupId: string | undefined;
  /** Index that gets the pipeline as its default. */
  readonly defaultPipelineIndex: string | undefined;
}

/** Hits of a page that asks for no size. */
export const defaultPageSize = 10;

/** The most fields that the rerank processor takes (`plugins.neural_search.reranker_max_document_fields`). */
const maxFields = 50;

/**
 * Options with their defaults.
 *
 * @throws ConfigurationError listing every option that cannot be.
 */
export function openSearchInstallSettings(options: OpenSearchInstallOptions): OpenSearchInstallSettings {
  const { rankWindowSize = 100, readTimeoutSeconds = 10 } = options;
  const issues: ConfigurationIssue[] = [];
  const url = rerankAddress(options.serviceUrl, '/v1/rerank', issues);
  const name = checkedName(options.name ?? 'blockrank', issues);
  const wrong = (path: string, message: string): void => void issues.push({ path, message });
  const blank = options.fields.filter((field) => field.trim() === '');
  if (options.fields.length === 0 || blank.length > 0)
    wrong('fields', 'expected at least one name of a field');
  if (options.fields.length > maxFields) {
    wrong('fields', `expected at most ${maxFields} (the server's limit), got ${options.fields.length}`);
  }
  if (!(Number.isInteger(rankWindowSize) && rankWindowSize >= defaultPageSize)) {
    wrong('rankWindowSize', `expected a whole number, at least ${defaultPageSize}, got ${rankWindowSize}`);
  }
  if (!(Number.isInteger(readTimeoutSeconds) && readTimeoutSeconds >= 1)) {
    wrong('readTimeoutSeconds', `expected whole seconds, at least 1, got ${readTimeoutSeconds}`);
  }
  if (issues.length > 0) throw new ConfigurationError('Cannot install', issues);
  return {
    url,
    name,
    fields: options.fields,
    version: options.version,
    serviceKey: options.serviceKey,
    model: options.model,
    rankWindowSize,
    ignoreFailure: options.ignoreFailure ?? true,
    readTimeoutSeconds,
    reader: options.reader ?? 'cohere',
    modelGroupId: options.modelGroupId,
    defaultPipelineIndex: options.defaultPipelineIndex,
  };
}

/** A name becomes a part of addresses and of ML Commons' texts, which allow few signs. */
function checkedName(name: string, issues: ConfigurationIssue[]): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,99}$/.test(name)) {
    const message = `expected lower-case letters, digits, "-" and "_", got "${name}"`;
    issues.push({ path: 'name', message });
  }
  return name;
}
