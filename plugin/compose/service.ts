/** Turns a checked configuration into a running service, and applies later configurations to it. */
import {
  ConfigurationError,
  type ConfigurationIssue,
  failoverReranker,
  type Reranker,
  remoteReranker,
  shadowReranker,
  type WorkerPool,
  wrapped,
} from '../../engine/index.ts';
import type { RemoteConfig } from '../config/remote-schema.ts';
import type { RerankerConfig } from '../config/reranker-schema.ts';
import type { ServeConfig } from '../config/schema.ts';
import type { ChainMember, ServedModelConfig, ServiceTls } from '../config/service-schema.ts';
import {
  guardedReranker,
  type ListenTls,
  type RerankService,
  rerankService,
  type ServedModel,
  type ServiceMetrics,
} from '../service/index.ts';
import { openConfigured } from './open-configured.ts';
import { readPemFiles } from './pem-files.ts';
import { PoolShelf } from './pool-shelf.ts';
import { type HeldReranker, RerankerShelf } from './reranker-shelf.ts';

/** A service with the parts that it needs. */
export interface ServiceComposition {
  /** The service that listens. */
  readonly service: RerankService;
  /**
   * Takes another configuration: models with unchanged settings stay open, new ones are opened first, and old ones are
   * closed last, so that no request waits or is lost. Nothing changes when the configuration cannot be taken.
   *
   * @returns Settings that differ and need a restart.
   * @throws ConfigurationError @throws ModelFormatError
   */
  reconfigure(config: ServeConfig): Promise<readonly string[]>;
  /** Ends the service, then its models. */
  close(): Promise<void>;
}

/** Name of the model where the configuration names none. */
const defaultModelName = 'blockrank';
/** Texts that every model ranks once before it serves. */
const warmUpTexts = ['Plants make food by photosynthesis.', 'The stock market fell.'];
/** Settings that only a new listener can take. */
const listenerKeys = [
  'host',
  'port',
  'corsOrigins',
  'maxBodyBytes',
  'receiveTimeoutMs',
  'sendTimeoutMs',
  'drainMs',
  'drainDelayMs',
  'queryLog',
  'log',
] as const;

/**
 * Starts to listen, then opens the models: the service is ready once each has ranked a list.
 *
 * @throws ConfigurationError listing every faulty setting. @throws ModelFormatError when a folder holds no model.
 */
export async function composeService(
  config: ServeConfig,
  options: Pick<Parameters<typeof rerankService>[0] & object, 'logger'> = {},
): Promise<ServiceComposition> {
  const tls = await readServiceTls(config.service.tls);
  const service = await rerankService({ logger: options.logger, config: config.service, tls });
  const shelf = new ModelShelf(service.metrics);
  const first = config;
  const reconfigure = async (next: ServeConfig): Promise<readonly string[]> => {
    const renewed = await readServiceTls(next.service.tls);
    const held = await shelf.open(next);
    try {
      if (renewed) service.renewTls(renewed);
    } catch (error) {
      await held.release();
      throw error;
    }
    service.serve({ config: next.service, models: held.models, onUnused: () => void held.release() });
    const different: string[] = listenerKeys.filter(
      (key) => JSON.stringify(next.service[key]) !== JSON.stringify(first.service[key]),
    );
    // A running listener can take another certificate, but cannot switch TLS or client certificates on or off.
    if (tlsKind(next.service.tls) !== tlsKind(first.service.tls)) different.push('tls');
    return different;
  };
  const close = async (): Promise<void> => {
    await service.close();
    await shelf.close();
  };
  try {
    await reconfigure(config);
  } catch (error) {
    await close();
    throw error;
  }
  return { service, reconfigure, close };
}

function tlsKind(tls: ServiceTls | undefined): 'none' | 'server' | 'mutual' {
  if (!tls) return 'none';
  return tls.clientCa === undefined ? 'server' : 'mutual';
}

interface HeldModels {
  readonly models: readonly ServedModel[];
  /** Gives the rerankers back to the shelf. */
  release(): Promise<void>;
}

/** Opens the models of a configuration; shares rerankers with other configurations in use. */
class ModelShelf {
  readonly #metrics: ServiceMetrics;
  readonly #shelf = new RerankerShelf();
  readonly #pools = new PoolShelf();

  constructor(metrics: ServiceMetrics) {
    this.#metrics = metrics;
  }

  /** All models of a configuration. */
  async open({ service, reranker }: ServeConfig): Promise<HeldModels> {
    const held: HeldReranker[] = [];
    const release = async (): Promise<void> => {
      await Promise.all(held.splice(0).map((one) => one.release()));
    };
    const named = Object.entries(service.models ?? { [defaultModelName]: {} });
    const chainOf = (model: ServedModelConfig): readonly ChainMember[] =>
      model.chain ?? [{ local: withResidual(reranker, model.residual) }];
    const shared = basesWithResiduals(
      named.flatMap(([, model]) => [...chainOf(model), ...(model.shadow ? [model.shadow] : [])]),
    );
    const take = (member: ChainMember): Promise<Reranker> => {
      const name = JSON.stringify([member.local, member.remote]);
      const isShared = member.local !== undefined && shared.has(baseOf(member.local));
      const one = this.#shelf.take(name, () => this.#openMember(member, isShared));
      held.push(one);
      return one.reranker;
    };
    try {
      const models: ServedModel[] = [];
      for (const [name, model] of named) {
        const chain = await Promise.all(chainOf(model).map(take));
        const shadow = model.shadow && (await take(model.shadow));
        models.push({
          name,
          aliases: model.aliases,
          reranker: this.#compose(name, model, { chain, shadow }),
        });
      }
      return { models, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#shelf.close();
  }

  /** @param isShared - Whether a local model runs on workers that others of the same base use too. */
  async #openMember({ local = {}, remote }: ChainMember, isShared: boolean): Promise<Reranker> {
    if (remote) return this.#openRemote(remote);
    if (isShared) return this.#openOnPool(local);
    return openWarm(local);
  }

  async #openOnPool({ workers, ...settings }: RerankerConfig): Promise<Reranker> {
    const { pool, release } = this.#pools.take(baseOf({ workers, ...settings }), workers);
    try {
      const reranker = await openWarm(settings, pool);
      return wrapped(reranker, {
        close: async () => {
          await reranker.close();
          await release();
        },
      });
    } catch (error) {
      await release();
      throw error;
    }
  }

  #openRemote(remote: RemoteConfig): Reranker {
    const name = remote.name ?? `${remote.api}:${new URL(remote.url).host}`;
    return remoteReranker({
      ...remote,
      name,
      onRetry: () => this.#metrics.retries.inc({ reranker: name }),
    });
  }

  #compose(
    model: string,
    { breaker = {}, shadow: shadowing }: ServedModelConfig,
    { chain, shadow }: { readonly chain: readonly Reranker[]; readonly shadow: Reranker | undefined },
  ): Reranker {
    const metrics = this.#metrics;
    const primary = failoverReranker({
      rerankers: chain.map((reranker) => guardedReranker({ reranker, breaker, model, metrics })),
      onFailover: ({ from, error }) =>
        metrics.failovers.inc({ model, reranker: from, code: (error as { code?: string }).code ?? 'other' }),
    });
    if (!shadow) return primary;
    return shadowReranker({
      primary,
      shadow,
      share: shadowing?.share,
      onComparison: ({ overlap, shadow: reranker, error }) => {
        const outcome = error === undefined ? 'ok' : ((error as { code?: string }).code ?? 'other');
        metrics.rerankerCalls.inc({ model, reranker: `shadow:${reranker}`, outcome });
        if (overlap !== undefined) metrics.shadowOverlap.observe({ model }, overlap);
      },
    });
  }
}

function withResidual(reranker: RerankerConfig, residual: string | undefined): RerankerConfig {
  return residual === undefined ? reranker : { ...reranker, residual };
}

/** Names what models must have in common to share workers and weights. */
function baseOf(reranker: RerankerConfig): string {
  const { model, precision, queryPrecision, device, depth, loops, workers, threads } = reranker;
  return JSON.stringify([model, precision, queryPrecision, device, depth, loops, workers, threads]);
}

/** Bases that a residual stands on. */
function basesWithResiduals(members: readonly ChainMember[]): ReadonlySet<string> {
  return new Set(members.flatMap(({ local }) => (local?.residual === undefined ? [] : [baseOf(local)])));
}

/** Opens a local model and lets it rank a list once. */
async function openWarm(settings: RerankerConfig, pool?: WorkerPool): Promise<Reranker> {
  const reranker = await openConfigured(settings, pool);
  try {
    const candidates = warmUpTexts.map((text, i) => ({ docId: String(i), text, segments: [] }));
    await reranker.rerank({ query: { text: 'how do plants make food' }, candidates, firstStage: 'unknown' });
    return reranker;
  } catch (error) {
    await reranker.close();
    throw error;
  }
}

async function readServiceTls(tls: ServiceTls | undefined): Promise<ListenTls | undefined> {
  if (!tls) return undefined;
  const issues: ConfigurationIssue[] = [];
  const files = { cert: tls.cert, key: tls.key, clientCa: tls.clientCa };
  const { cert, key, clientCa: ca } = await readPemFiles('service.tls', files, issues);
  if (issues.length > 0) throw new ConfigurationError('Cannot serve', issues);
  return {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca, requestCert: true, rejectUnauthorized: true }),
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
  };
}
