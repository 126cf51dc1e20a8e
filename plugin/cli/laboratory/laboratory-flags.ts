/** Options that commands of the laboratory share. */
import type { OptionRow } from '../../options/option.ts';
import { Flag } from '../flag.ts';

const candidates: OptionRow = {
  type: 'text',
  help: 'first stage: bm25 or another candidates-NAME.tsv, embedded, judged, lists (lists.tsv)',
};
const cache: OptionRow = {
  type: 'text',
  help: 'where encoded documents are kept between runs (default: in the cache folder)',
};
const noCache: OptionRow = { type: 'switch', help: 'keep no encoded documents beyond this run' };
const costs: OptionRow = {
  type: 'choice',
  of: ['cold', 'warm'],
  default: 'cold',
  help: 'whether lists are timed without kept block states, or with',
};
const seed: OptionRow = { type: 'whole', min: 0, default: 1, help: 'decides every draw' };

/** `--data`, mandatory. @param spelling - The option with its argument. */
export function dataFlag(spelling: string, help: string): Flag {
  return new Flag(spelling, { type: 'text', isRequired: true, help }, { isMandatory: true });
}

/** `--candidates`, which are `value` unless others are named. */
export function candidatesFlag(value = 'embedded'): Flag {
  return new Flag('--candidates <name>', { ...candidates, default: value }, { isValue: true });
}

/** `--cache`, and `--no-cache`. */
export function cacheFlags(): readonly Flag[] {
  return [new Flag('--cache <folder>', cache), new Flag('--no-cache', noCache)];
}

/** `--window`: how many candidates of a query are read, `value` of them by default. */
export function windowFlag(value: number, { min = 1 }: { readonly min?: number } = {}): Flag {
  return countFlag('--window <n>', 'candidates of a query that are reranked', { min, value });
}

/** `--seed`. */
export function seedFlag(): Flag {
  return new Flag('--seed <n>', seed, { isValue: true });
}

/** `--costs`. */
export function costsFlag(): Flag {
  return new Flag('--costs <name>', costs, { isValue: true });
}

/** `--remotes`. */
export function remotesFlag(): Flag {
  return textFlag('--remotes <file>', 'YAML file of services by name, as reranker.router.remotes');
}

/** An option that takes a count of at least `min`; `value` is its default. */
export function countFlag(
  spelling: string,
  help: string,
  { min = 1, value }: { readonly min?: number; readonly value?: number },
): Flag {
  const row: OptionRow = { type: 'whole', min, help, ...(value !== undefined && { default: value }) };
  return new Flag(spelling, row, { isValue: value !== undefined });
}

/** An option that takes a text; `value` is its default. */
export function textFlag(spelling: string, help: string, value?: string): Flag {
  const row: OptionRow = { type: 'text', help, ...(value !== undefined && { default: value }) };
  return new Flag(spelling, row, { isValue: value !== undefined });
}
