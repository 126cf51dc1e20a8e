/** What is said of an option: once here, for the command line, the configuration file, programs and pages alike. */

/** One option. */
export interface OptionRow {
  /**
   * What it takes. `text` is not empty, a `list` is of such texts and not empty either; `section` and `code` (functions,
   * objects of a program) are checked where they are taken.
   */
  readonly type: 'text' | 'whole' | 'number' | 'switch' | 'choice' | 'list' | 'section' | 'code';
  /** The words of a `choice`. */
  readonly of?: readonly string[];
  /** Smallest number, inclusive. @defaultValue none */
  readonly min?: number;
  /** What a number is larger than. @defaultValue nothing */
  readonly above?: number;
  /** Largest number, inclusive. @defaultValue none */
  readonly max?: number;
  /** Whether a text or a list may be empty. @defaultValue false */
  readonly mayBeEmpty?: true;
  /** Whether `false` stands for "none of it". @defaultValue false */
  readonly orFalse?: true;
  /** Whether it has to be given. @defaultValue false */
  readonly isRequired?: true;
  /** What holds when it is not given. @defaultValue what `otherwise` says */
  readonly default?: string | number | boolean;
  /** The same in words, where it is no value; with `default`, where that does not hold. */
  readonly otherwise?: string;
  /** What a number counts. */
  readonly unit?: string;
  /** What it is, in words that begin small and end without a full stop. */
  readonly help: string;
  /** What pages say besides. */
  readonly note?: string;
}

/** Options by name. */
export type OptionTable = Readonly<Record<string, OptionRow>>;

/** What holds when an option is not given, in words; `undefined` for one that has to be given, or of which nothing is said. */
export function defaultText({ default: value, otherwise, unit }: OptionRow): string | undefined {
  if (value === undefined) return otherwise;
  const size = unit === 'bytes' && Number(value) % mebi === 0 ? ` (${Number(value) / mebi} MiB)` : '';
  return [
    `${value === ' ' ? 'a space' : value}${size}`,
    ...(otherwise === undefined ? [] : [otherwise]),
  ].join('; ');
}

const mebi = 2 ** 20;

/** What an option takes, in words. */
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
  code: 'code',
};
