/** Options that several commands of `blockrank hierarchy` take. */
import { taxonomyOptions } from '../../options/hierarchy-options.ts';
import { Flag } from '../flag.ts';

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
    new Flag('--taxonomy <file>', taxonomyOptions.taxonomy),
    new Flag('--data <folder>', taxonomyOptions.data),
    new Flag('--root <id>', taxonomyOptions.root),
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
