/** Options of `blockrank states`. */
import { type Command, Option } from 'commander';
import { addConnectionOptions, type ConnectionFlags } from '../connection-options.ts';
import { list, wholeNumber } from '../option-values.ts';

/** Options that name an index and the place of its states. */
export interface PlaceFlags extends ConnectionFlags {
  /** `--config` */
  readonly config?: string;
  /** `--index` */
  readonly index?: string;
  /** `--to` */
  readonly to?: 'sidecar' | 'field';
  /** `--generation` */
  readonly generation?: string;
  /** `--state-field` */
  readonly stateField?: string;
  /** `--vector` */
  readonly vector?: true;
  /** `--json` */
  readonly json?: true;
}

/** Options that name texts and who encodes them. */
export interface TextFlags {
  /** `--field`, in order */
  readonly field?: readonly string[];
  /** `--separator` */
  readonly separator?: string;
  /** `--template` */
  readonly template?: string;
  /** `--tier` */
  readonly tier?: 'anchor' | 'tokens';
  /** `--codec` */
  readonly codec?: string;
  /** `--model` */
  readonly model?: string;
  /** `--precision` */
  readonly precision?: 'fp32' | 'int8';
}

/** Values of the options of `states build`. */
export interface BuildFlags extends PlaceFlags, TextFlags {
  /** `--slices` */
  readonly slices?: number;
  /** `--workers` */
  readonly workers?: number;
  /** `--docs-per-second` */
  readonly docsPerSecond?: number;
  /** `--batch` */
  readonly batch?: number;
  /** `--dry-run` */
  readonly dryRun?: true;
  /** `--no-estimate` */
  readonly estimate: boolean;
}

/** Values of the options of `states watch`. */
export interface WatchFlags extends BuildFlags {
  /** `--interval`, in seconds */
  readonly interval?: number;
  /** `--sweep`, in seconds */
  readonly sweep?: number;
}

/** Adds the options that name an index and the place of its states. */
export function addPlaceOptions(command: Command): Command {
  command
    .option(
      '--config <file>',
      'configuration file of the searches (blockrank.config.yaml); options go before it',
    )
    .option('--index <name>', 'index, alias, data stream or pattern')
    .addOption(
      new Option(
        '--to <place>',
        'an index beside each index, or the documents themselves (default: sidecar)',
      ).choices(['sidecar', 'field']),
    )
    .option('--generation <name>', 'sidecar: which generation (default: one a model and form)')
    .option('--state-field <name>', 'field: object that holds a state (default: blockrank_state)')
    .option('--vector', 'field: keep the anchor as a vector too, which the server searches by')
    .option('--json', 'print JSON');
  return addConnectionOptions(command);
}

/** Adds the options that name texts and who encodes them. */
export function addTextOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--field <name>', 'field that the model reads (again for more, in this order)').argParser(
        list,
      ),
    )
    .option('--separator <text>', 'what stands between two fields (default: a space)')
    .option('--template <text>', 'text with fields in braces, in place of --field')
    .addOption(
      new Option('--tier <tier>', 'one vector a block, or one a token (default: anchor)').choices([
        'anchor',
        'tokens',
      ]),
    )
    .option('--codec <name>', 'form of states, e.g. anchor-int8 (default: half precision of the tier)')
    .option('--model <folder>', 'model folder (default: the one in the package)')
    .addOption(new Option('--precision <name>', 'how the model multiplies').choices(['fp32', 'int8']));
}

/** Adds the options of building and watching. */
export function addBuildOptions(command: Command): Command {
  const options = [
    number('--slices <n>', 'slices that workers share (default: 16)', 1),
    number('--workers <n>', 'slices worked on at once by this process (default: 2)', 1),
    number('--docs-per-second <n>', 'documents encoded a second at most (default: no bound)', 1),
    number('--batch <n>', 'documents of one batch at most (default: 64)', 1),
    new Option('--dry-run', 'print what a build would take, and change nothing'),
    new Option('--no-estimate', 'begin without encoding a sample first'),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

/** Adds the options of watching alone. */
export function addWatchOptions(command: Command): Command {
  const options = [
    number('--interval <seconds>', 'time between two rounds (default: 5)', 1),
    number('--sweep <seconds>', 'sidecar: time between two looks for deleted documents (default: 300)', 1),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

function number(flags: string, help: string, min: number): Option {
  return new Option(flags, help).argParser(wholeNumber({ min }));
}
