/** Options of `install`, `status` and `uninstall`. */
import { Argument, type Command } from 'commander';
import { installOptions } from '../../options/install-options.ts';
import { addConnectionOptions, type ConnectionFlags } from '../connection-options.ts';
import { addFlags, Flag } from '../flag.ts';
import { fieldFlag, jsonFlag } from '../shared-flags.ts';

/** The kind of server that a command works on. */
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

/** Adds the options that the three commands share. */
export function addTargetOptions(command: Command): Command {
  addFlags(command, [new Flag('--name <name>', installOptions.name, { isValue: true }), jsonFlag()]);
  return addConnectionOptions(command);
}

/** `--service` and its key. @param seenFrom - The party that reaches the service at that address. */
export function serviceOptions(seenFrom: string, isMandatory = false): readonly Flag[] {
  return [
    new Flag('--service <url>', installOptions.service, {
      help: `${installOptions.service.help} as ${seenFrom}`,
      isMandatory,
    }),
    new Flag('--service-key <key>', installOptions.serviceKey, { env: 'BLOCKRANK_SERVICE_KEY' }),
  ];
}

/** Adds the options of `install`. */
export function addInstallOptions(command: Command): Command {
  const both = [
    ...serviceOptions('the cluster reaches it', true),
    new Flag('--service-model <name>', installOptions.serviceModel),
    ...changeOptions(),
    new Flag('--query <words>', installOptions.query, { otherwise: '' }),
  ];
  const openSearch = [
    fieldFlag(),
    new Flag('--index <name>', installOptions.index),
    new Flag('--default-pipeline', installOptions.defaultPipeline),
    new Flag('--window <n>', installOptions.window),
    new Flag('--fail', installOptions.fail),
    new Flag('--read-timeout <s>', installOptions.readTimeout),
    new Flag('--reader <name>', installOptions.reader),
    new Flag('--model-group <id>', installOptions.modelGroup),
    setClusterSettingsOption(),
  ];
  addFlags(command, both, 'Installation:');
  addFlags(command, openSearch, 'OpenSearch:');
  return addFlags(command, [new Flag('--inference <service>', installOptions.inference)], 'Elasticsearch:');
}

/** `--dry-run` and `--force`. */
export function changeOptions(): readonly Flag[] {
  return [new Flag('--dry-run', installOptions.dryRun), new Flag('--force', installOptions.force)];
}

/** `--set-cluster-settings`. @param help - The command's own help text. */
export function setClusterSettingsOption(help: string = installOptions.setClusterSettings.help): Flag {
  return new Flag('--set-cluster-settings', installOptions.setClusterSettings, { help });
}
