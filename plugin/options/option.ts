/**
 * The description of an option, written once for the command line, the configuration file, programs and pages alike.
 */

/** One option. */
export interface OptionRow {
  /**
   * The type of its value. A `text` is not empty; a `list` holds such texts and is not empty either; the code that
   * takes a `section`, `sections`, a `quantity` (a number or a text with a unit) or `code` (functions, objects of a program) checks them itself.
   */
  readonly type:
    | 'text'
    | 'whole'
    | 'number'
    | 'switch'
    | 'choice'
    | 'list'
    | 'section'
    | 'sections'
    | 'quantity'
    | 'code';
  /** The words of a `choice`. */
  readonly of?: readonly string[];
  /** Smallest number, inclusive. @defaultValue none */
  readonly min?: number;
  /** Exclusive lower bound of a number. @defaultValue nothing */
  readonly above?: number;
  /** Exclusive upper bound of a number. @defaultValue nothing */
  readonly below?: number;
  /** Largest number, inclusive. @defaultValue none */
  readonly max?: number;
  /** Whether a text or a list may be empty. @defaultValue false */
  readonly mayBeEmpty?: true;
  /** Whether `false` is a value too, and turns the option off. @defaultValue false */
  readonly orFalse?: true;
  /** Whether the option is mandatory. @defaultValue false */
  readonly isRequired?: true;
  /** The option's default value. @defaultValue the words of `otherwise` */
  readonly default?: string | number | boolean;
  /** The default in words, where it is no value; beside `default`, the cases in which that does not hold. */
  readonly otherwise?: string;
  /** What a number counts. */
  readonly unit?: string;
  /** Help text, which begins in lower case and ends without a full stop. */
  readonly help: string;
  /** A note that only the documentation adds. */
  readonly note?: string;
}

/** Options by name. */
export type OptionTable = Readonly<Record<string, OptionRow>>;

/** The default of an option in words; `undefined` for a mandatory option, and for one without a described default. */
export function defaultText({ default: value, otherwise, unit }: OptionRow): string | undefined {
  if (value === undefined) return otherwise;
  const size = unit === 'bytes' && Number(value) % mebi === 0 ? ` (${Number(value) / mebi} MiB)` : '';
  return [
    `${value === ' ' ? 'a space' : value}${size}`,
    ...(otherwise === undefined ? [] : [otherwise]),
  ].join('; ');
}

const mebi = 2 ** 20;

/** The type of an option in words. */
export function typeText({ type, of = [], orFalse }: OptionRow): string {
  const word = type === 'choice' ? of.map((one) => `\`${one}\``).join(', ') : typeWords[type];
  return orFalse ? `${word}, or \`false\`` : word;
}

const typeWords: Readonly<Record<Exclude<OptionRow['type'], 'choice'>, string>> = {
  text: 'text',
  whole: 'whole number',
  number: 'number',
  switch: '`true` or `false`',
  list: 'list of texts',
  section: 'section',
  sections: 'list of sections',
  quantity: 'number or text',
  code: 'code',
};
