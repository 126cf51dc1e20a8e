/** Turns checked settings into a proxy that listens. */
import { Registry } from 'prom-client';
import { ConfigurationError, type ConfigurationIssue } from '../../engine/index.ts';
import type { ProxyConfig, ProxyListenTls, ProxyTargetTls } from '../config/proxy-schema.ts';
import type { RerankerConfig } from '../config/reranker-schema.ts';
import type { StageConfig } from '../config/stage-schema.ts';
import { readingStored } from '../config/stored-states.ts';
import { withoutUndefined } from '../config/without-undefined.ts';
import { proxyStageOptions } from '../options/proxy-options.ts';
import {
  detectServer,
  type ListenTls,
  openProxy,
  type ProxyReranking,
  proxyAdapter,
  type RunningProxy,
  type ServerProduct,
} from '../proxy/index.ts';
import { prometheusStageMetrics, type RescoringStageOptions, type StageEvents } from '../stage/index.ts';
import { readPemFiles } from './pem-files.ts';
import { type ReadIndex, toReadOptions } from './read-options.ts';
import { RerankerShelf, shelfOpener } from './reranker-shelf.ts';
import { composeStage, type OpenReranker } from './stage.ts';

/** Settings of a proxy that knows its cluster and its indices. */
export interface ReadyProxyConfig extends ProxyConfig {
  /** Address of the cluster. */
  readonly target: string;
  /** Indices whose searches are reranked. */
  readonly indices: readonly string[];
}

/** Settings of {@link composeProxy}. */
export interface ProxySettings {
  /** The proxy; paths absolute. */
  readonly proxy: ReadyProxyConfig;
  /** The fields of a hit that the model reads. */
  readonly index: ReadIndex;
  /** Settings of the reranker. */
  readonly reranker: RerankerConfig;
  /** Settings of the stage. */
  readonly stage: StageConfig;
}

/** The surroundings that composing needs. */
export interface ProxyContext {
  /** Called with warnings for the operator. */
  readonly onWarning: (message: string) => void;
  /** Listener to the stage. */
  readonly events: StageEvents;
  /** Called with failures that no event of the stage tells. */
  readonly onFault: (error: unknown) => void;
}

/** A proxy with the parts that it needs; closing the proxy closes them too. */
export interface ProxyComposition extends Pick<RunningProxy, 'url' | 'close'> {
  /** The cluster's product; absent when the settings do not name it and the cluster did not answer. */
  readonly server: ServerProduct | undefined;
  /**
   * Takes new settings of reranking. Opens the new parts first, and closes the old ones after their last search.
   * Nothing changes when the settings cannot be taken.
   *
   * @returns Settings that differ and need a restart.
   * @throws ConfigurationError @throws ModelFormatError
   */
  reconfigure(settings: ProxySettings): Promise<readonly string[]>;
}

/** How long a cluster may take to name its product, in milliseconds. */
const detectMs = 2000;

/** Settings of the section `proxy` that concern reranking; all others need a new listener. */
const rerankingKeys: readonly (keyof ProxyConfig)[] = [
  'indices',
  'marks',
  'scores',
  'maxSearchBytes',
  'maxAnswerBytes',
  'maxConcurrent',
];

/**
 * Opens the reranker, a stage, and the proxy over both.
 *
 * @throws ConfigurationError listing every faulty setting. @throws ModelFormatError when the folder holds no model.
 */
export async function composeProxy(
  settings: ProxySettings,
  context: ProxyContext,
): Promise<ProxyComposition> {
  // `marks` and `scores` are options of the adapter, not of the proxy.
  const { target, server: named, targetTls, listenTls, marks, scores, ...own } = settings.proxy;
  const files = await readFiles({ targetTls, listenTls });
  warnOf(settings.proxy, context);
  const server = named ?? (await detectServer(target, { tls: files.targetTls, timeoutMs: detectMs }));
  if (!server) context.onWarning(`Nothing answers at ${target} yet: requests get 502 until something does.`);
  const registry = new Registry();
  const shelf = new RerankerShelf();
  const events = [prometheusStageMetrics(registry), context.events];
  const compose = (given: ProxySettings): Promise<ComposedReranking> =>
    composeReranking(given, { server, events, open: shelfOpener(shelf) });
  let current = await compose(settings);
  const close = async (): Promise<void> => {
    await current.close();
    await shelf.close();
  };
  try {
    const { onFault } = context;
    const listening = { ...withoutUndefined(own), ...files, target, registry, onFault };
    const proxy = await openProxy({ ...listening, ...current.reranking });
    return {
      url: proxy.url,
      server,
      async reconfigure(next) {
        const composed = await compose(next);
        const before = current;
        current = composed;
        await proxy.use(composed.reranking);
        await before.close();
        return unchangeable(settings.proxy, next.proxy);
      },
      async close() {
        await proxy.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface ComposedReranking {
  readonly reranking: ProxyReranking;
  close(): Promise<void>;
}

async function composeReranking(
  { proxy, index, reranker, stage }: ProxySettings,
  {
    server,
    events,
    open,
  }: {
    readonly server: ServerProduct | undefined;
    readonly events: readonly StageEvents[];
    readonly open: OpenReranker;
  },
): Promise<ComposedReranking> {
  const { states } = index;
  const { marks, scores, indices, maxSearchBytes, maxAnswerBytes, maxConcurrent } = proxy;
  const adapter = proxyAdapter({ server, marks, scores, ...toReadOptions(index, stage) });
  const watched: StageConfig & Pick<RescoringStageOptions<never, never>, 'events'> = {
    ...stage,
    deadlineMs: stage.deadlineMs ?? proxyStageOptions.deadlineMs.default,
    events,
  };
  const composition = await composeStage({
    adapter,
    reranker: readingStored(reranker, states),
    stage: watched,
    openReranker: open,
  });
  const { onFailure } = stage;
  const limits = { maxSearchBytes, maxAnswerBytes, maxConcurrent };
  return {
    reranking: {
      adapter,
      indices,
      onFailure,
      ...limits,
      stage: composition.stage,
      reranker: composition.reranker,
    },
    close: () => composition.close(),
  };
}

function unchangeable(first: ReadyProxyConfig, next: ReadyProxyConfig): readonly string[] {
  const keys = [...new Set([...Object.keys(first), ...Object.keys(next)])] as (keyof ReadyProxyConfig)[];
  return keys.filter(
    (key) => !rerankingKeys.includes(key) && JSON.stringify(first[key]) !== JSON.stringify(next[key]),
  );
}

function warnOf({ target, targetTls, listenTls, host }: ReadyProxyConfig, { onWarning }: ProxyContext): void {
  if (targetTls?.insecure && target.startsWith('https:')) {
    onWarning(
      'The cluster\'s certificate is not checked ("insecure"): anyone in between can read and change everything.',
    );
  }
  const isLocal = host === undefined || host === 'localhost' || host === '::1' || host.startsWith('127.');
  if (!isLocal && !listenTls && target.startsWith('https:')) {
    onWarning(
      'The cluster is reached with encryption, the proxy without: callers\' credentials pass readable. Give a certificate ("listenTls": --tls-cert, --tls-key).',
    );
  }
}

interface PemFiles {
  readonly targetTls?: ProxyTargetTls | undefined;
  readonly listenTls?: ProxyListenTls | undefined;
}

/** The same settings with the files' texts in place of their paths. */
async function readFiles({ targetTls, listenTls }: PemFiles): Promise<{
  readonly targetTls?: ProxyTargetTls;
  readonly listenTls?: ListenTls;
}> {
  const issues: ConfigurationIssue[] = [];
  const read = async <Tls extends ProxyTargetTls>(name: string, tls: Tls): Promise<Tls> => {
    const { ca, cert, key } = tls;
    return { ...tls, ...(await readPemFiles(`proxy.${name}`, { ca, cert, key }, issues)) };
  };
  const texts = {
    ...(targetTls && { targetTls: await read('targetTls', targetTls) }),
    ...(listenTls && { listenTls: await read('listenTls', listenTls) }),
  };
  if (issues.length > 0) throw new ConfigurationError('Cannot open the proxy', issues);
  return texts;
}
