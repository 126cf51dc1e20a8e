/** Reads a recipe, and names everything that its training depends on. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { ConfigurationError, decodeText } from '../../../engine/index.ts';
import {
  fileDigest,
  folderDigests,
  modelDigests,
  type Recipe,
  recipeSchema,
} from '../../../engine/laboratory.ts';
import { check } from '../../config/issues.ts';

/** A recipe and its place. */
export interface RecipeFile {
  /** The recipe, with defaults. */
  readonly recipe: Recipe;
  /** Its folder, absolute: paths in it are relative to this. */
  readonly folder: string;
  /** The file as it is. */
  readonly text: string;
}

/** @throws ConfigurationError naming every problem of the recipe. */
export async function readRecipe(path: string): Promise<RecipeFile> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw wrong(path, cause.code ?? cause.message, cause);
  });
  const text = decodeText(bytes, `"${path}"`);
  return { recipe: toRecipe(path, parseYaml(path, text)), folder: dirname(resolve(path)), text };
}

/** A recipe from plain data. @throws ConfigurationError naming every problem. */
export function toRecipe(path: string, value: unknown): Recipe {
  const checked = check(recipeSchema, value);
  if (checked.issues) throw new ConfigurationError(`Cannot take the recipe "${path}"`, checked.issues);
  return checked.value;
}

function parseYaml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw wrong(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

const wrong = (path: string, message: string, cause: unknown): ConfigurationError =>
  new ConfigurationError(`Cannot read the recipe "${path}"`, [{ path: '', message }], { cause });

/** Folder of a model that a recipe names; undefined for the one that comes with the package. */
export const modelOf = (model: string, folder: string): string | undefined =>
  model === 'default' ? undefined : resolve(folder, model);

/** SHA-256 of the files of every collection and model, by their names in the recipe. */
export async function recipeDigests({ recipe, folder }: RecipeFile): Promise<Record<string, string>> {
  const { data, leaks, model, teacher = [] } = recipe;
  const all: Record<string, string> = {};
  for (const one of data) {
    const files = [
      'corpus.jsonl',
      'queries.jsonl',
      'qrels.tsv',
      'qrels-full.tsv',
      `candidates-${one.candidates}.tsv`,
    ];
    Object.assign(all, await folderDigests(one.folder, resolve(folder, one.folder), files));
  }
  if (leaks !== undefined) all[leaks] = await fileDigest(resolve(folder, leaks));
  // A service has no files; its scores are kept with the name of what gave them.
  const models = teacher.flatMap((each) => (each.model === undefined ? [] : [each.model]));
  for (const name of new Set([model, ...models])) {
    Object.assign(all, await modelDigests(`model ${name}`, modelOf(name, folder)));
  }
  return all;
}
