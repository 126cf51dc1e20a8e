/** Reads `blockrank.config.yaml` and reports everything that is wrong with it at once. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import {
  ConfigurationError,
  type ConfigurationIssue,
  decodeText,
  isResidualPath,
} from '../../engine/index.ts';
import { checkSubstituted } from './check-substituted.ts';
import { defaultConfigFile } from './config-file.ts';
import { type Environment, substitute } from './environment.ts';
import type { RerankerConfig } from './reranker-schema.ts';
import {
  type BlockRankConfig,
  configSchema,
  type ServeConfig,
  type ServerTls,
  serveConfigSchema,
} from './schema.ts';
import type { ChainMember, ServedModelConfig, ServiceConfig } from './service-schema.ts';

/**
 * Reads a configuration file. Paths in the result are absolute.
 *
 * @throws ConfigurationError listing every problem, with its path and the accepted values.
 *
 * @example const config = await loadConfig('blockrank.config.yaml', process.env);
 */
export async function loadConfig(path: string, env: Environment): Promise<BlockRankConfig> {
  const config = parseConfig(await readText(path), env, path);
  return withAbsolutePaths(config, fromFolderOf(path));
}

/**
 * Reads the parts of a configuration file that the service needs; the file need not name a search server. Paths in the
 * result are absolute.
 *
 * @throws ConfigurationError listing every problem.
 */
export async function loadServeConfig(path: string, env: Environment): Promise<ServeConfig> {
  const { reranker, service } = parse(serveConfigSchema, await readText(path), env, path);
  const absolute = fromFolderOf(path);
  return {
    reranker: withAbsoluteModel(reranker, absolute),
    service: withAbsoluteFiles(service, absolute),
  };
}

/**
 * Checks a configuration file's text.
 *
 * @param name - Name of the text in the error.
 * @throws ConfigurationError listing every problem.
 */
export function parseConfig(
  text: string,
  env: Environment,
  name: string = defaultConfigFile,
): BlockRankConfig {
  return parse(configSchema, text, env, name);
}

function parse<Config>(schema: z.ZodType<Config>, text: string, env: Environment, name: string): Config {
  const document = parseDocument(text, { merge: true });
  const what = `Cannot use configuration "${name}"`;
  if (document.errors.length > 0) {
    const issues = document.errors.map(({ message }) => ({
      path: '',
      message: message.split('\n')[0]!.trim(),
    }));
    throw new ConfigurationError(what, issues);
  }
  const issues: ConfigurationIssue[] = [];
  const written = withoutExtensions(toValue(document, what));
  const checked = checkSubstituted(schema, written, substitute(written, env, issues));
  // A path whose variable is missing is reported once: further issues of its text would say nothing.
  const told = new Set(issues.map(({ path }) => path));
  issues.push(...(checked.issues ?? []).filter(({ path }) => !told.has(path)));
  if (issues.length > 0) throw new ConfigurationError(what, issues);
  return checked.value!;
}

/** The document as plain values. @throws ConfigurationError for aliases that would unfold without end. */
function toValue(document: ReturnType<typeof parseDocument>, what: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (cause) {
    const message = `its aliases cannot be unfolded (${(cause as Error).message})`;
    throw new ConfigurationError(what, [{ path: '', message }], { cause });
  }
}

/** Keys `x-…` of the file belong to its author: they hold anchors that other sections refer to. */
function withoutExtensions(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')));
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const message = cause.code === 'ENOENT' ? 'no such file' : `cannot be read (${cause.code})`;
    throw new ConfigurationError(`Cannot use configuration "${path}"`, [{ path: '', message }], { cause });
  });
  return decodeText(bytes, `configuration "${path}"`);
}

type ToAbsolute = (path: string) => string;

function fromFolderOf(config: string): ToAbsolute {
  const folder = dirname(resolve(config));
  return (file) => resolve(folder, file);
}

function withAbsolutePaths(config: BlockRankConfig, absolute: ToAbsolute): BlockRankConfig {
  const { elasticsearch, opensearch, reranker, service } = config;
  const files = (tls: ServerTls | undefined): { tls?: ServerTls } =>
    tls ? { tls: withAbsolute(tls, ['ca', 'cert', 'key'], absolute) } : {};
  return {
    ...config,
    ...(elasticsearch && { elasticsearch: { ...elasticsearch, ...files(elasticsearch.tls) } }),
    ...(opensearch && { opensearch: { ...opensearch, ...files(opensearch.tls) } }),
    reranker: withAbsoluteModel(reranker, absolute),
    ...(service && { service: withAbsoluteFiles(service, absolute) }),
  };
}

function withAbsoluteModel(reranker: RerankerConfig, absolute: ToAbsolute): RerankerConfig {
  const { residual } = reranker;
  // A name stays a name: it is looked up in the model's folder.
  const isPath = residual !== undefined && isResidualPath(residual);
  const names = ['model', 'stateFolder', 'router', ...(isPath ? ['residual' as const] : [])] as const;
  const { router, ...section } = withAbsolute(reranker, names, absolute);
  if (router === undefined) return section;
  return {
    ...section,
    router: typeof router === 'string' ? router : withAbsolute(router, ['folder'], absolute),
  };
}

function withAbsoluteFiles(service: ServiceConfig, absolute: ToAbsolute): ServiceConfig {
  const { tls, models } = service;
  const member = <Member extends ChainMember>(one: Member): Member =>
    one.local ? { ...one, local: withAbsoluteModel(one.local, absolute) } : one;
  const model = (one: ServedModelConfig): ServedModelConfig => ({
    ...one,
    ...(one.residual !== undefined && isResidualPath(one.residual) && { residual: absolute(one.residual) }),
    ...(one.chain && { chain: one.chain.map(member) }),
    ...(one.shadow && { shadow: member(one.shadow) }),
  });
  return {
    ...withAbsolute(service, ['queryLog'], absolute),
    ...(tls && { tls: withAbsolute(tls, ['cert', 'key', 'clientCa'], absolute) }),
    ...(models && {
      models: Object.fromEntries(Object.entries(models).map(([name, one]) => [name, model(one)])),
    }),
  };
}

/** A copy of a section in which the named files are absolute paths. */
function withAbsolute<Section extends object>(
  of: Section,
  names: readonly (keyof Section)[],
  absolute: ToAbsolute,
): Section {
  const entries = Object.entries(of).map(([key, value]) => {
    const isFile = names.includes(key as keyof Section) && typeof value === 'string';
    return [key, isFile ? absolute(value) : value] as const;
  });
  return Object.fromEntries(entries) as Section;
}
