/** Options that several commands take. */
import { indexOptions } from '../options/index-options.ts';
import type { OptionRow } from '../options/option.ts';
import { Flag } from './flag.ts';

const config: OptionRow = { type: 'text', help: 'configuration file (blockrank.config.yaml)' };
const json: OptionRow = { type: 'switch', help: 'print JSON' };

/** `--config`. @param help - The command's own help text, where the file means more or less to it. */
export function configFlag(help?: string): Flag {
  return new Flag('--config <file>', config, help === undefined ? {} : { help });
}

/** `--json`. @param help - The command's own help text, where the option does more. */
export function jsonFlag(help?: string, spelling = '--json'): Flag {
  return new Flag(spelling, json, help === undefined ? {} : { help });
}

/** `--field`. */
export function fieldFlag(): Flag {
  return new Flag('--field <name>', indexOptions.textFields);
}
