/** A model folder's tokenizer for texts alone: no template, no special tokens. */
import { join } from 'node:path';
import { ggufTokenizer } from '../model/gguf-tokenizer.ts';
import { readJson } from '../model/read-json.ts';
import { parsePromptTokenizer } from '../tokenizer/prompt-tokenizer.ts';
import { readGguf } from '../weights/gguf.ts';

/** Ids of a text's tokens; tokens that stand for no words (also the one for unknown words) are left out. */
export type TokensOf = (text: string) => readonly number[];

/** Reads the tokenizer from `tokenizer.json`, or from a GGUF file. @throws ModelFormatError when there is none. */
export async function readPlainTokenizer(model: string): Promise<TokensOf> {
  const path = model.endsWith('.gguf') ? model : join(model, 'tokenizer.json');
  const json: unknown =
    path === model ? ggufTokenizer((await readGguf(path)).metadata, path).tokenizer : await readJson(path);
  const tokenizer = parsePromptTokenizer(json, path);
  const special = specialIds(json);
  return (text) => {
    const ids = tokenizer.encode([{ text, specials: 'plain' }]);
    return [...ids].filter((id) => !special.has(id));
  };
}

function specialIds(json: unknown): ReadonlySet<number> {
  const { added_tokens: added = [] } = json as {
    readonly added_tokens?: readonly { readonly id: number; readonly special?: boolean }[];
  };
  return new Set(added.filter(({ special }) => special === true).map(({ id }) => id));
}
