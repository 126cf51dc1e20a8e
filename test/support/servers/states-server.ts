/** A real server, and the parts that tests of building and watching states need beside it. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { defaultGeneration, type TransportOwner } from '../../../adapters/server.ts';
import { type OpenStateMaker, openStateMaker } from '../../../plugin/cli/states/state-maker.ts';
import { type KillingProxy, startKillingProxy } from '../doubles/killing-proxy.ts';
import { tinyModel } from '../tiny/tiny-model.ts';
import { type RunningServer, type ServerChoice, startServer } from './start.ts';
import { openStatesClient } from './states-clients.ts';
import { type StatesCluster, statesCluster } from './states-cluster.ts';

export interface StatesServer {
  readonly server: RunningServer;
  /** The proxy before the server; without hooks at the beginning of a test. */
  readonly proxy: KillingProxy;
  readonly cluster: StatesCluster;
  /** A small model that opens at once. */
  readonly model: string;
  /** A maker of anchors by that model. */
  readonly maker: OpenStateMaker;
  /** Generation of the maker's states. */
  readonly generation: string;
  readonly client: TransportOwner & { close(): Promise<unknown> };
  /** Options of `blockrank states` for the server, or the proxy before it, and the maker's model. */
  flags(url: string, ...more: readonly string[]): string[];
}

/** Opens a server before the tests of the calling suite, and closes it after them. */
export function statesServer(choice: ServerChoice): StatesServer {
  const opened = {} as { -readonly [Name in keyof StatesServer]: StatesServer[Name] };
  beforeAll(async () => {
    opened.server = await startServer(choice, { ml: false });
    const { url } = opened.server;
    opened.proxy = await startKillingProxy(url);
    opened.cluster = statesCluster(url);
    const model = await tinyModel();
    opened.model = model;
    opened.maker = await openStateMaker({ tier: 'anchor', model });
    opened.generation = defaultGeneration(opened.maker);
    opened.client = openStatesClient(choice, url);
    opened.flags = (at, ...more) => [
      ...addressFlags(choice, at),
      '--field',
      'title,body',
      '--model',
      model,
      ...more,
    ];
  });
  afterAll(async () => {
    await opened.client?.close();
    await opened.maker?.close();
    await opened.proxy?.close();
    await opened.server?.close();
  });
  beforeEach(() => opened.proxy.use({}));
  return opened;
}

/** Options of `blockrank` that name a server. */
export function addressFlags({ product, version }: ServerChoice, url: string): string[] {
  return [`--${product}`, url, ...(version.startsWith('8.') ? ['--compatible-with', '8'] : [])];
}
