/** Options of a remote reranker, checked in one place. */
import { ConfigurationError, type ConfigurationIssue, type RemoteServiceError } from '../errors.ts';
import { type OptionNames, unknownOptions } from '../option-names.ts';
import { type RemoteApi, remoteApis } from './remote-api.ts';

/** Options of `remoteReranker`. */
export interface RemoteRerankerOptions {
  /** Which wire form the service speaks. */
  readonly api: RemoteApi;
  /** The endpoint's whole address, e.g. `https://api.cohere.com/v2/rerank`. */
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. @defaultValue none */
  readonly apiKey?: string | undefined;
  /** The service's name of the model. @defaultValue left out */
  readonly model?: string | undefined;
  /** Headers of every call. @defaultValue none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Name in logs and metrics. @defaultValue the wire form and the host */
  readonly name?: string | undefined;
  /** Documents of one call; a longer list is sent in several and merged by score. @defaultValue 1000; 32 for `tei` */
  readonly maxDocuments?: number | undefined;
  /** Time for one attempt, in milliseconds. @defaultValue 10000 */
  readonly timeoutMs?: number | undefined;
  /** Further attempts after a transient failure; a wrong configuration is never tried again. @defaultValue 1 */
  readonly retries?: number | undefined;
  /**
   * Longest wait before another attempt, in milliseconds; the reranker gives up on a service that asks for more.
   * @defaultValue 2000
   */
  readonly maxRetryDelayMs?: number | undefined;
  /** Called before another attempt. @defaultValue nothing is called */
  readonly onRetry?: ((error: RemoteServiceError) => void) | undefined;
  /** Sends a request. @defaultValue the global `fetch` */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

const optionNames: OptionNames<RemoteRerankerOptions> = {
  api: true,
  url: true,
  apiKey: true,
  model: true,
  headers: true,
  name: true,
  maxDocuments: true,
  timeoutMs: true,
  retries: true,
  maxRetryDelayMs: true,
  onRetry: true,
  fetch: true,
};

type Optional = 'apiKey' | 'model' | 'headers' | 'onRetry';

/** Options with their defaults. */
export type RemoteSettings = Pick<RemoteRerankerOptions, Optional> & {
  readonly [Key in Exclude<keyof RemoteRerankerOptions, Optional>]-?: NonNullable<RemoteRerankerOptions[Key]>;
};

/** Checks the options and fills in the defaults. @throws ConfigurationError listing every impossible option. */
export function remoteSettings(options: RemoteRerankerOptions): RemoteSettings {
  const issues = issuesOf(options);
  if (issues.length > 0) throw new ConfigurationError('Cannot open the remote reranker', issues);
  const { api } = options;
  const { url, authorization } = withoutCredentials(options.url);
  return {
    ...options,
    url,
    ...(authorization !== undefined &&
      options.apiKey === undefined && { headers: { authorization, ...options.headers } }),
    name: options.name ?? `${api}:${new URL(url).host}`,
    maxDocuments: options.maxDocuments ?? (api === 'tei' ? 32 : 1000),
    timeoutMs: options.timeoutMs ?? 10_000,
    retries: options.retries ?? 1,
    maxRetryDelayMs: options.maxRetryDelayMs ?? 2000,
    fetch: options.fetch ?? globalThis.fetch,
  };
}

/** `fetch` takes no address with a name and a password in it, and its error would show both. */
function withoutCredentials(given: string): { readonly url: string; readonly authorization?: string } {
  const url = new URL(given);
  const { username, password } = url;
  if (username === '' && password === '') return { url: given };
  const pair = [username, password].map(decodeURIComponent).join(':');
  url.username = '';
  url.password = '';
  return { url: url.href, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function issuesOf(options: RemoteRerankerOptions): ConfigurationIssue[] {
  const issues: ConfigurationIssue[] = unknownOptions(options, optionNames);
  const expect = (isMet: boolean, path: keyof RemoteRerankerOptions, message: string): void => {
    if (!isMet) issues.push({ path, message });
  };
  const { api, url, maxDocuments = 1, timeoutMs = 1, retries = 0, maxRetryDelayMs = 0 } = options;
  expect(remoteApis.includes(api), 'api', `expected ${remoteApis.join(', ')}, got ${JSON.stringify(api)}`);
  expect(isHttp(url), 'url', 'expected an address such as https://api.cohere.com/v2/rerank');
  expect(isWhole(maxDocuments, 1), 'maxDocuments', 'expected a whole number, at least 1');
  expect(timeoutMs > 0, 'timeoutMs', 'expected milliseconds above 0');
  expect(isWhole(retries, 0), 'retries', 'expected a whole number, at least 0');
  expect(maxRetryDelayMs >= 0, 'maxRetryDelayMs', 'expected milliseconds, at least 0');
  return issues;
}

const isWhole = (value: number, least: number): boolean => Number.isInteger(value) && value >= least;
const isHttp = (url: unknown): boolean =>
  typeof url === 'string' && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
