/** The options of `blockrank proxy`, and the configuration that they stand for. */
import { dirname, resolve } from 'node:path';
import { ConfigurationError, type ConfigurationIssue } from '../../../engine/index.ts';
import type { ProxySettings } from '../../compose/proxy.ts';
import { type BlockRankConfig, check, type Environment, loadConfig } from '../../config/index.ts';
import { type ProxyConfig, proxySection } from '../../config/proxy-schema.ts';
import { type ModelFlags, modelSettings } from '../model-options.ts';
import type { RerankFlags } from '../rerank/rerank-flags.ts';

/** Values of the command's options. */
export interface ProxyFlags
  extends Pick<RerankFlags, 'config' | 'field' | 'window' | 'deadline' | 'json'>,
    ModelFlags,
    Pick<RerankFlags, 'ca' | 'cert' | 'key' | 'keyPassphrase' | 'insecure'> {
  /** `--target` */
  readonly target?: string;
  /** `--server` */
  readonly server?: 'elasticsearch' | 'opensearch';
  /** `--index`, in order */
  readonly index?: readonly string[];
  /** `--host` */
  readonly host?: string;
  /** `--port` */
  readonly port?: number;
  /** `--tls-cert` */
  readonly tlsCert?: string;
  /** `--tls-key` */
  readonly tlsKey?: string;
  /** `--max-result-window` */
  readonly maxResultWindow?: number;
  /** `--max-concurrent` */
  readonly maxConcurrent?: number;
  /** `--timeout`, in milliseconds */
  readonly timeout?: number;
  /** `--on-failure` */
  readonly onFailure?: 'keep-first-stage' | 'throw';
  /** `--no-marks` */
  readonly marks: boolean;
  /** `--scores` */
  readonly scores?: 'first-stage' | 'reranked';
}

/**
 * The proxy's settings: options win over the file. @throws ConfigurationError listing everything that is wrong or
 * missing.
 */
export async function proxySettings(flags: ProxyFlags, env: Environment): Promise<ProxySettings> {
  const file = flags.config === undefined ? undefined : await fileSettings(flags.config, env);
  const { value, issues = [] } = check(proxySection, { ...proxyOfFile(file, flags), ...proxyOf(flags) }, [
    'proxy',
  ]);
  const textFields = flags.field ?? file?.index.textFields;
  const missing = [
    ...required(value && value.target === undefined, '--target', 'the address of the cluster'),
    ...required(value && value.indices === undefined, '--index', 'the indices whose searches are reranked'),
    ...required(textFields === undefined, '--field', 'the field or fields that the model reads'),
  ];
  if (!value || issues.length + missing.length > 0) {
    throw new ConfigurationError('Wrong options', [...issues.map(toFlagIssue), ...missing]);
  }
  const { target, indices } = value;
  const { separator, highlight, signals, fieldsApart, states, maxResultWindow } = file?.index ?? {};
  return {
    proxy: { ...value, target: target!, indices: indices! },
    index: {
      textFields: textFields!,
      separator,
      highlight,
      signals,
      fieldsApart,
      states,
      maxResultWindow: flags.maxResultWindow ?? maxResultWindow,
    },
    reranker: { ...file?.reranker, ...modelSettings(flags) },
    stage: {
      ...file?.stage,
      ...defined({ rankWindowSize: flags.window, deadlineMs: flags.deadline, onFailure: flags.onFailure }),
    },
  };
}

/** The file's settings of the proxy; without the cluster's when an option names another cluster. */
function proxyOfFile(file: FileSettings | undefined, { target }: ProxyFlags): ProxyConfig {
  const { server, targetTls, ...rest } = file?.proxy ?? {};
  return target === undefined ? { ...rest, server, targetTls } : rest;
}

function required(isMissing: boolean | undefined, path: string, what: string): readonly ConfigurationIssue[] {
  return isMissing ? [{ path, message: `required: ${what}` }] : [];
}

type FileSettings = Pick<BlockRankConfig, 'index' | 'reranker' | 'stage'> & { readonly proxy: ProxyConfig };

/** The settings of a proxy in a configuration file: its own section, completed by the server's. */
async function fileSettings(path: string, env: Environment): Promise<FileSettings> {
  const config: BlockRankConfig & { readonly proxy?: ProxyConfig | undefined } = await loadConfig(path, env);
  const { elasticsearch, opensearch, index, reranker, stage, proxy = {} } = config;
  const connection = elasticsearch ?? opensearch;
  const folder = dirname(resolve(path));
  const { targetTls = connection?.tls, listenTls } = proxy;
  return {
    index,
    reranker,
    stage,
    proxy: {
      ...(connection?.node !== undefined && { target: connection.node }),
      server: elasticsearch ? 'elasticsearch' : 'opensearch',
      indices: index.name.split(','),
      ...proxy,
      ...(targetTls && { targetTls: absolute(targetTls, folder) }),
      ...(listenTls && { listenTls: absolute(listenTls, folder) }),
    },
  };
}

function absolute<Tls extends object>(tls: Tls, folder: string): Tls {
  const entries = Object.entries(tls).map(([key, value]) => {
    const isFile = ['ca', 'cert', 'key'].includes(key) && typeof value === 'string';
    return [key, isFile ? resolve(folder, value) : value] as const;
  });
  return Object.fromEntries(entries) as Tls;
}

/** The settings that the options give; absent where no option is given. */
function proxyOf(flags: ProxyFlags): Record<string, unknown> {
  const { target, server, index: indices, host, port, timeout: timeoutMs } = flags;
  const { maxConcurrent, marks, scores } = flags;
  const targetTls = defined({
    ca: flags.ca,
    cert: flags.cert,
    key: flags.key,
    passphrase: flags.keyPassphrase,
    insecure: flags.insecure,
  });
  const listenTls = defined({ cert: flags.tlsCert, key: flags.tlsKey });
  return {
    ...defined({ target, server, indices, host, port, timeoutMs, maxConcurrent, scores }),
    ...(!marks && { marks }),
    ...(Object.keys(targetTls).length > 0 && { targetTls }),
    ...(Object.keys(listenTls).length > 0 && { listenTls }),
  };
}

function defined(section: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined));
}

const flagNames: Readonly<Record<string, string>> = {
  'proxy.target': '--target',
  'proxy.targetTls': '--cert and --key',
  'proxy.listenTls.cert': '--tls-cert',
  'proxy.listenTls.key': '--tls-key',
};

function toFlagIssue({ path, message }: ConfigurationIssue): ConfigurationIssue {
  return { path: flagNames[path] ?? path, message };
}
