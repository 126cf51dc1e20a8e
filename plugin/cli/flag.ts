/** Turns a row of a table of options into an option of the command line. */
import { Option } from 'commander';
import { defaultText, type OptionRow } from '../options/option.ts';
import { finiteNumber, list, wholeNumber } from './option-values.ts';

/** The points where an option of the command line departs from its row. */
export interface FlagForm {
  /** Help text of its own. @defaultValue the row's */
  readonly help?: string;
  /** The help's words for the default, where it is not the row's; empty for none. */
  readonly otherwise?: string;
  /**
   * Whether the row's default becomes the option's value; otherwise a configuration file may set the value.
   * @defaultValue false
   */
  readonly isValue?: boolean;
  /** Whether the user must give the option. @defaultValue false */
  readonly isMandatory?: boolean;
  /** Environment variable that the option is read from. @defaultValue none */
  readonly env?: string;
}

/** An option of the command line that knows its row. */
export class Flag extends Option {
  /** The row that the option was made from. */
  readonly row: OptionRow;

  constructor(spelling: string, row: OptionRow, form: FlagForm = {}) {
    super(spelling, textOf(row, form));
    this.row = row;
    this.#take(row);
    if (form.isValue) this.default(row.default);
    if (form.env !== undefined) this.env(form.env);
    if (form.isMandatory) this.makeOptionMandatory();
  }

  #take({ type, of = [], ...bounds }: OptionRow): void {
    if (type === 'choice') this.choices(of);
    else if (type === 'list') this.argParser(list);
    else if (type === 'whole') this.argParser(wholeNumber(bounds));
    else if (type === 'number') this.argParser(finiteNumber(bounds));
  }
}

/** Units that help texts name. */
const toldUnits: readonly string[] = ['milliseconds', 'seconds'];

/** The help text, with unit and default: a terminal does not show the table. */
function textOf(row: OptionRow, { help = row.help, isValue, ...form }: FlagForm): string {
  const { type, unit } = row;
  const hasDefault = !isValue && type !== 'switch';
  const otherwise = form.otherwise ?? (hasDefault ? defaultText(row) : undefined);
  return [
    help.replaceAll('`', ''),
    ...(unit !== undefined && toldUnits.includes(unit) ? [`, in ${unit}`] : []),
    ...(type === 'number' && row.min !== undefined && row.max !== undefined
      ? [`, ${row.min} to ${row.max}`]
      : []),
    ...(type === 'list' ? [' (again for more)'] : []),
    ...(otherwise && otherwise !== 'none' ? [` (default: ${otherwise.replaceAll('`', '')})`] : []),
  ].join('');
}

/** Adds options to a command, in this order. @param group - Heading above them in the help. */
export function addFlags<C extends { addOption(option: Option): unknown }>(
  command: C,
  flags: readonly Option[],
  group?: string,
): C {
  for (const one of flags) command.addOption(group === undefined ? one : one.helpGroup(group));
  return command;
}
