/** Reads the taxonomy that options name. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeText } from '../../../engine/index.ts';
import {
  below,
  type CollectionDocument,
  documentText,
  makeTaxonomy,
  parseEdges,
  readCollection,
  type Taxonomy,
} from '../../../engine/laboratory.ts';
import { wrongOption } from '../errors.ts';
import type { TaxonomyFlags } from './hierarchy-flags.ts';

/**
 * The taxonomy; `undefined` where the options name none.
 *
 * @throws ConfigurationError for two taxonomies, for a file that cannot be read or is none, for a circle.
 */
export async function taxonomyOf(flags: TaxonomyFlags): Promise<Taxonomy | undefined> {
  const { taxonomy: file, data, root } = flags;
  if (file !== undefined && data !== undefined) throw wrongOption('', 'give --taxonomy or --data, not both');
  if (file === undefined && data === undefined) {
    if (root !== undefined) throw wrongOption('--root', 'is for --taxonomy and --data only');
    return undefined;
  }
  const whole = data === undefined ? await ofEdges(file!) : await ofCollection(data, flags);
  return root === undefined ? whole : below(whole, root);
}

/** The taxonomy. @throws ConfigurationError where the options name none. */
export async function neededTaxonomy(flags: TaxonomyFlags): Promise<Taxonomy> {
  const taxonomy = await taxonomyOf(flags);
  if (taxonomy) return taxonomy;
  throw wrongOption('', 'give --taxonomy <file> or --data <folder>');
}

/** Reads a file of an option. @throws ConfigurationError when it cannot be read. */
export async function optionText(option: string, path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw wrongOption(option, `cannot read "${path}"`, cause);
  });
  return decodeText(bytes, `"${path}"`);
}

async function ofEdges(path: string): Promise<Taxonomy> {
  return makeTaxonomy(parseEdges(await optionText('--taxonomy', path), path));
}

async function ofCollection(folder: string, { withText }: TaxonomyFlags): Promise<Taxonomy> {
  const path = join(folder, 'hierarchy.tsv');
  const { documents } = await readCollection(folder);
  const edges = parseEdges(await optionText('--data', path), path);
  const textOf = (document: CollectionDocument): string =>
    withText || document.title === '' ? documentText(document) : document.title;
  const nodes = [...documents.values()].map((document) => ({ id: document.docId, text: textOf(document) }));
  return makeTaxonomy(edges, nodes);
}
