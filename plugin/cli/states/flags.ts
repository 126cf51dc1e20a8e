/** Options of `blockrank states`. */
import type { Command } from 'commander';
import type { Device } from '../../../engine/index.ts';
import { buildOptions, placeOptions, stateTextOptions, watchOptions } from '../../options/build-options.ts';
import { addConnectionOptions, type ConnectionFlags } from '../connection-options.ts';
import { addFlags, Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { configFlag, fieldFlag, jsonFlag } from '../shared-flags.ts';

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

/** Options that name texts and their encoder. */
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
  readonly precision?: 'fp32' | 'int8' | 'fp16';
  /** `--device` */
  readonly device?: Device;
  /** `--depth` */
  readonly depth?: number;
  /** `--loops` */
  readonly loops?: number;
  /** `--residual` */
  readonly residual?: string;
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
  addFlags(command, [
    configFlag('configuration file of the searches (blockrank.config.yaml); options go before it'),
    new Flag('--index <name>', placeOptions.index),
    new Flag('--to <place>', placeOptions.to),
    new Flag('--generation <name>', placeOptions.generation),
    new Flag('--state-field <name>', placeOptions.stateField),
    new Flag('--vector', placeOptions.vector),
    jsonFlag(),
  ]);
  return addConnectionOptions(command);
}

/** Adds the options that name texts and their encoder. */
export function addTextOptions(command: Command): Command {
  const [tier, ...others] = modelOptions({
    only: ['tier', 'model', 'precision', 'device', 'depth', 'loops', 'residual'],
    forms: { tier: { otherwise: 'anchor' } },
  });
  return addFlags(command, [
    fieldFlag(),
    new Flag('--separator <text>', stateTextOptions.separator),
    new Flag('--template <text>', stateTextOptions.template),
    tier!,
    new Flag('--codec <name>', stateTextOptions.codec),
    ...others,
  ]);
}

/** Adds the options of building and watching. */
export function addBuildOptions(command: Command): Command {
  return addFlags(command, [
    new Flag('--slices <n>', buildOptions.slices),
    new Flag('--workers <n>', buildOptions.workers),
    new Flag('--docs-per-second <n>', buildOptions.docsPerSecond),
    new Flag('--batch <n>', buildOptions.batch),
    new Flag('--dry-run', buildOptions.dryRun),
    new Flag('--no-estimate', buildOptions.estimate),
  ]);
}

/** Adds the options of watching alone. */
export function addWatchOptions(command: Command): Command {
  return addFlags(command, [
    new Flag('--interval <s>', watchOptions.interval),
    new Flag('--sweep <s>', watchOptions.sweep),
  ]);
}
