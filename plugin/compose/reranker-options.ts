/** Turns the settings of a reranker into its options: opens the stores that keep block states. */
import type { Redis } from 'ioredis';
import {
  type CountedStateSource,
  layeredSource,
  lmdbSource,
  type RerankerOptions,
  redisSource,
  type StateCodec,
  stateCodec,
} from '../../engine/index.ts';
import type { RerankerConfig, StateRedisConfig } from '../config/reranker-schema.ts';
import { withoutUndefined } from '../config/without-undefined.ts';
import { importClient, type PackageContext } from './import-client.ts';

/** Silence after which a connection to Redis is ended and opened anew, in milliseconds. */
const socketTimeoutMs = 10_000;

/**
 * Options of `openReranker`, with the folder behind the memory, and Redis behind the folder.
 *
 * @throws ConfigurationError when the settings ask for Redis and its client's package is missing.
 */
export async function toRerankerOptions(
  config: RerankerConfig,
  context: PackageContext = {},
): Promise<RerankerOptions> {
  const { stateFolder: folder, stateRedis, stateCodec: name, ...settings } = withoutUndefined(config);
  const codec = name === undefined ? {} : { codec: stateCodec(name) };
  const connect = stateRedis && (await redisOpener(stateRedis, codec, context));
  const lmdb = folder === undefined ? undefined : lmdbSource({ folder, ...codec });
  const redis = connect?.();
  const stateSource = lmdb && redis ? layeredSource(lmdb, redis) : (lmdb ?? redis);
  return {
    ...settings,
    ...(stateSource && { stateSource }),
    ...(codec.codec && { stateCodec: codec.codec }),
  };
}

/** The package is loaded before any store is opened; otherwise a missing package would leave stores to close. */
async function redisOpener(
  { url, prefix, ttlMs }: StateRedisConfig,
  codec: { readonly codec?: StateCodec },
  context: PackageContext,
): Promise<() => CountedStateSource> {
  const injected = 'redisSource({ client }), and the source to openReranker({ stateSource })';
  const { Redis: Client } = await importClient<{ Redis: typeof Redis }>(context, 'ioredis', injected);
  return () => {
    const client = new Client(url, { maxRetriesPerRequest: 1, socketTimeout: socketTimeoutMs });
    // Without a listener the client writes to the console; the source counts every call that a fault costs.
    client.on('error', () => undefined);
    return redisSource({
      client,
      ...codec,
      ...(prefix !== undefined && { prefix }),
      ...(ttlMs !== undefined && { ttlMs }),
      closeClient: () => client.disconnect(),
    });
  };
}
