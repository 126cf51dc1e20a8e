/** Checks what an installation requires of a server: its version and its plugins. */
import { ConfigurationError, type ConfigurationIssue } from '../../../engine/index.ts';
import type { Ask } from './ask.ts';

/** The oldest version whose rerank processor asks a model. */
const oldest = [2, 12] as const;

/**
 * Reads the server's version.
 *
 * @throws ConfigurationError when the server is no OpenSearch, or too old.
 */
export async function readVersion(get: Ask): Promise<string> {
  const answer = (await get({ method: 'GET', path: '/' }, "ask for the server's version")) as {
    version?: { number?: unknown; distribution?: unknown };
  };
  const { number, distribution } = answer?.version ?? {};
  if (typeof number !== 'string' || distribution !== 'opensearch') {
    const found = typeof number === 'string' ? `version "${number}" of something else` : 'something else';
    throw refusal(
      '',
      `expected an OpenSearch, found ${found}: for Elasticsearch take "blockrank install elasticsearch"`,
    );
  }
  if (!isAtLeast(number, oldest)) {
    throw refusal(
      'version',
      `OpenSearch ${number} cannot rerank: its processor came with ${oldest.join('.')}`,
    );
  }
  return number;
}

/** Whether a version is this one or newer. */
export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ours = 0, minorOfOurs = 0] = version.split('.').map(Number);
  return ours > major || (ours === major && minorOfOurs >= minor);
}

const neededPlugins: readonly (readonly [string, string])[] = [
  ['opensearch-ml', 'ML Commons, which calls the service'],
  ['opensearch-neural-search', 'neural-search, which reranks'],
];

/** @throws ConfigurationError naming every plugin that is missing. */
export async function checkPlugins(get: Ask): Promise<void> {
  const querystring = { format: 'json', h: 'component' };
  const rows = (await get({ method: 'GET', path: '/_cat/plugins', querystring }, 'list the plugins')) as
    | readonly { component?: string }[]
    | undefined;
  const components = new Set((rows ?? []).map(({ component }) => component));
  const issues: ConfigurationIssue[] = neededPlugins
    .filter(([plugin]) => !components.has(plugin))
    .map(([plugin, what]) => ({
      path: plugin,
      message: `this plugin (${what}) is not installed. The "min" distribution and some managed services come without it: install it on every node (opensearch-plugin install), or rerank from the client's side with "blockrank proxy"`,
    }));
  if (issues.length > 0) throw new ConfigurationError('Cannot install in this OpenSearch', issues);
}

function refusal(path: string, message: string): ConfigurationError {
  return new ConfigurationError('Cannot install in this server', [{ path, message }]);
}
