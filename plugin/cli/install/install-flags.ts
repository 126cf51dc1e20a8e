/** Options of `install`, `status` and `uninstall`. */
import { Argument, type Command, Option } from 'commander';
import { addConnectionOptions, type ConnectionFlags } from '../connection-options.ts';
import { list, wholeNumber } from '../option-values.ts';

/** Which server a command is about. */
export type ServerKind = 'opensearch' | 'elasticsearch';

/** The argument that names the server. */
export function serverArgument(): Argument {
  return new Argument('<server>', 'which kind of server').choices(['opensearch', 'elasticsearch']);
}

/** Options that all three commands take. */
export interface TargetFlags extends ConnectionFlags {
  /** `--name` */
  readonly name: string;
  /** `--json` */
  readonly json?: true;
}

/** Values of the options of `install`. */
export interface InstallFlags extends TargetFlags {
  /** `--service` */
  readonly service: string;
  /** `--service-key` */
  readonly serviceKey?: string;
  /** `--service-model` */
  readonly serviceModel?: string;
  /** `--field` */
  readonly field?: readonly string[];
  /** `--index` */
  readonly index?: string;
  /** `--default-pipeline` */
  readonly defaultPipeline?: true;
  /** `--window` */
  readonly window?: number;
  /** `--fail` */
  readonly fail?: true;
  /** `--read-timeout` */
  readonly readTimeout?: number;
  /** `--reader` */
  readonly reader?: 'cohere' | 'lenient';
  /** `--model-group` */
  readonly modelGroup?: string;
  /** `--inference` */
  readonly inference?: 'custom' | 'hugging_face';
  /** `--set-cluster-settings` */
  readonly setClusterSettings?: true;
  /** `--query` */
  readonly query?: string;
  /** `--dry-run` */
  readonly dryRun?: true;
  /** `--force` */
  readonly force?: true;
}

/** Values of the options of `uninstall`. */
export type UninstallFlags = TargetFlags & Pick<InstallFlags, 'dryRun' | 'force' | 'setClusterSettings'>;

/** Values of the options of `status`. */
export type StatusFlags = TargetFlags &
  Pick<InstallFlags, 'index' | 'query' | 'serviceKey'> & {
    /** `--service` */
    readonly service?: string;
  };

/** Options and what the server is for, shared by the three commands. */
export function addTargetOptions(command: Command): Command {
  command
    .option('--name <name>', 'name of everything that is made', 'blockrank')
    .option('--json', 'print JSON');
  return addConnectionOptions(command);
}

/** `--service` and its key. @param seenFrom - Who reaches the service at that address. */
export function serviceOptions(seenFrom: string): Option[] {
  return [
    new Option('--service <url>', `address of the reranking service as ${seenFrom}`),
    new Option('--service-key <key>', "the service's key").env('BLOCKRANK_SERVICE_KEY'),
  ];
}

/** Adds the options of `install`. */
export function addInstallOptions(command: Command): Command {
  const [service, serviceKey] = serviceOptions('the cluster reaches it');
  const both = [
    service!.makeOptionMandatory(),
    serviceKey!,
    new Option('--service-model <name>', "the service's model (default: its own)"),
    ...changeOptions(),
    new Option('--query <words>', 'words for the test query'),
  ];
  const openSearch = [
    new Option('--field <name>', 'field that the model reads (again for more, in this order)').argParser(
      list,
    ),
    new Option('--index <name>', 'index that is searched for the test, and for --default-pipeline'),
    new Option(
      '--default-pipeline',
      'every search of --index goes through the pipeline (warns; another default is replaced with --force alone)',
    ),
    new Option('--window <n>', 'hits reranked for a page of 10 (default: 100)').argParser(
      wholeNumber({ min: 10 }),
    ),
    new Option('--fail', 'searches fail when the reranker does (default: they keep the first order)'),
    new Option('--read-timeout <s>', 'longest wait for the service, in seconds (default: 10)').argParser(
      wholeNumber({ min: 1 }),
    ),
    new Option('--reader <name>', "who reads the service's answer (default: cohere)").choices([
      'cohere',
      'lenient',
    ]),
    new Option('--model-group <id>', 'model group of yours'),
    setClusterSettingsOption('add what is missing to the cluster settings; entries of others stay'),
  ];
  const elasticsearch = [
    new Option('--inference <service>', 'how Elasticsearch speaks to the service (default: custom)').choices([
      'custom',
      'hugging_face',
    ]),
  ];
  for (const option of both) command.addOption(option.helpGroup('Installation:'));
  for (const option of openSearch) command.addOption(option.helpGroup('OpenSearch:'));
  for (const option of elasticsearch) command.addOption(option.helpGroup('Elasticsearch:'));
  return command;
}

/** `--dry-run` and `--force`. */
export function changeOptions(): Option[] {
  return [
    new Option('--dry-run', 'print the exact requests, secrets masked, and send none that changes anything'),
    new Option('--force', 'do it even where something depends on what is replaced or removed'),
  ];
}

/** `--set-cluster-settings`. */
export function setClusterSettingsOption(help: string): Option {
  return new Option('--set-cluster-settings', help);
}
