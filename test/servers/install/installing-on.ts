/** An OpenSearch with ML Commons, a service beside it, and what the tests of installing ask of both. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import {
  type RerankServiceDouble,
  startRerankServiceDouble,
} from '../../support/doubles/rerank-service-double.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import {
  type Answered,
  type Cluster,
  ext,
  indexAnimals,
  openCluster,
} from '../../support/servers/opensearch-installation.ts';
import { type RunningServer, type ServerChoice, startServer } from '../../support/servers/start.ts';

/** What the first stage alone answers. */
export const firstOrder: readonly string[] = ['3', '1', '2', '4'];
/** What the service makes of it: the other way round. */
export const rerankedOrder: readonly string[] = ['4', '2', '1', '3'];
/** A search that finds all four animals. */
export const byWords: object = { query: { match: { body: 'animals' } } };
/** The setting that lists addresses which connectors may call. */
export const trusted = 'plugins.ml_commons.trusted_connector_endpoints_regex';
/** The setting that lets connectors call private addresses. */
export const privateAllowed = 'plugins.ml_commons.connector.private_ip_enabled';
/** What the server says of a search without `ext.rerank`. */
export const withoutExt: RegExp = /RerankSearchExtBuilder/;

/** What the tests run. */
type CommandName = 'install' | 'status' | 'uninstall';

export interface InstallingOn {
  readonly choice: ServerChoice;
  readonly isVersion2: boolean;
  readonly server: RunningServer;
  readonly cluster: Cluster;
  /** Reverses what it is sent, and forgets before each test what it was asked. */
  readonly service: RerankServiceDouble;
  /** Searches the animals through a pipeline. */
  readonly search: (pipeline: string, more?: object, parameters?: string) => Promise<Answered>;
  /** Runs a command on the server. */
  readonly cli: (command: CommandName, ...args: string[]) => Promise<CliResult>;
}

/** Opens it before the tests of the suite that calls this, and closes it after them. */
export function installingOn(choice: ServerChoice): InstallingOn {
  const isVersion2 = choice.version.startsWith('2.');
  const opened = {
    choice,
    isVersion2,
    search: (pipeline, more = {}, parameters = '') =>
      opened.cluster.ask('POST', `/animals/_search?search_pipeline=${pipeline}${parameters}`, {
        ...byWords,
        ...ext('which bark'),
        ...more,
      }),
    cli: (command, ...args) => runCli([command, 'opensearch', '--opensearch', opened.server.url, ...args]),
  } as { -readonly [Name in keyof InstallingOn]: InstallingOn[Name] };
  beforeAll(async () => {
    opened.server = await startServer(choice, { ml: true });
    opened.cluster = openCluster(opened.server.url);
    opened.service = await startRerankServiceDouble();
    await indexAnimals(opened.cluster);
  });
  afterAll(async () => {
    await opened.cluster?.close();
    await opened.service?.close();
    await opened.server?.close();
  });
  beforeEach(() => {
    opened.service.behave({ kind: 'well' });
    opened.service.forget();
  });
  return opened;
}
