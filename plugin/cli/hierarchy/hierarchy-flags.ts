/** Options that several commands of `blockrank hierarchy` take. */
import { Flag } from '../flag.ts';
import { textFlag } from '../laboratory/laboratory-flags.ts';

/** Values of the options that name a taxonomy. */
export interface TaxonomyFlags {
  /** `--taxonomy` */
  readonly taxonomy?: string;
  /** `--data` */
  readonly data?: string;
  /** `--root` */
  readonly root?: string;
  /** `--with-text` */
  readonly withText?: true;
}

/** Options that name a taxonomy. */
export function taxonomyFlags(): readonly Flag[] {
  return [
    textFlag('--taxonomy <file>', 'lines of child and parent with a tab between them, by name'),
    textFlag('--data <folder>', 'collection with hierarchy.tsv, whose documents are the categories'),
    textFlag('--root <id>', 'only this category and what is below it'),
  ];
}

/** `--hierarchy`, mandatory. */
export function hierarchyFlag(): Flag {
  return new Flag(
    '--hierarchy <folder>',
    { type: 'text', isRequired: true, help: 'what "hierarchy train" wrote' },
    { isMandatory: true },
  );
}
