/** Reads `blockrank.config.yaml` and reports everything that is wrong with it at once. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { ConfigurationError, type ConfigurationIssue } from '../../engine/index.ts';
import { type Environment, substitute } from './environment.ts';
import { check } from './issues.ts';
import { type BlockRankConfig, configSchema, type ServerTls } from './schema.ts';

/** The file's usual name. */
export const defaultConfigFile = 'blockrank.config.yaml';

/**
 * Reads a configuration file. Paths in it are given back absolute.
 *
 * @throws ConfigurationError listing every problem, with its path and the accepted values.
 *
 * @example
 * const config = await loadConfig('blockrank.config.yaml', process.env);
 */
export async function loadConfig(path: string, env: Environment): Promise<BlockRankConfig> {
  const text = await readText(path);
  const config = parseConfig(text, env, path);
  const folder = dirname(resolve(path));
  return withAbsolutePaths(config, (file) => resolve(folder, file));
}

/**
 * Checks a configuration file's text.
 *
 * @param name - What the text is called in the error.
 * @throws ConfigurationError listing every problem.
 */
export function parseConfig(
  text: string,
  env: Environment,
  name: string = defaultConfigFile,
): BlockRankConfig {
  const document = parseDocument(text);
  const what = `Cannot use configuration "${name}"`;
  if (document.errors.length > 0) {
    const issues = document.errors.map(({ message }) => ({
      path: '',
      message: message.split('\n')[0]!.trim(),
    }));
    throw new ConfigurationError(what, issues);
  }
  const issues: ConfigurationIssue[] = [];
  const value = substitute(document.toJS() ?? {}, env, issues);
  const checked = check(configSchema, value);
  // A place whose variable is missing is told once: what its text looks like says nothing.
  const told = new Set(issues.map(({ path }) => path));
  issues.push(...(checked.issues ?? []).filter(({ path }) => !told.has(path)));
  if (issues.length > 0) throw new ConfigurationError(what, issues);
  return checked.value!;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`;
    throw new ConfigurationError(`Cannot use configuration "${path}"`, [{ path: '', message }], { cause });
  }
}

function withAbsolutePaths(config: BlockRankConfig, absolute: (path: string) => string): BlockRankConfig {
  const { elasticsearch, opensearch, reranker } = config;
  const files = (tls: ServerTls | undefined): { tls?: ServerTls } => {
    const entries = Object.entries(tls ?? {}).map(([key, value]) => {
      return [key, ['ca', 'cert', 'key'].includes(key) ? absolute(value) : value] as const;
    });
    return tls ? { tls: Object.fromEntries(entries) } : {};
  };
  return {
    ...config,
    ...(elasticsearch && { elasticsearch: { ...elasticsearch, ...files(elasticsearch.tls) } }),
    ...(opensearch && { opensearch: { ...opensearch, ...files(opensearch.tls) } }),
    reranker: {
      ...reranker,
      ...(reranker.model && { model: absolute(reranker.model) }),
      ...(reranker.stateFolder && { stateFolder: absolute(reranker.stateFolder) }),
    },
  };
}
