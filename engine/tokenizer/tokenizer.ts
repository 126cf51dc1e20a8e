/** Turns text into token ids and back, by a Hugging Face `tokenizer.json`. */
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { ModelFormatError } from '../errors.ts';

/** Turns plain text into token ids. Text that spells a special token (`[SEP]`, `<s>`) is plain text. */
export interface Tokenizer {
  /** Id of the token that opens a block. */
  readonly openId: number;
  /** Id of the token that closes a block. */
  readonly closeId: number;
  /** Id that fills up rows; never attended to. */
  readonly padId: number;
  /** Ids of the text's tokens, no special ones added. Lone surrogates read as U+FFFD. */
  encode(text: string): Int32Array;
  /** The vocabulary's spelling of an id; `##` before a piece that continues a word. */
  spell(id: number): string;
}

interface TokenizerJson {
  readonly added_tokens?: readonly { readonly content: string; readonly id: number }[];
  readonly model?: { readonly type?: string };
}

/**
 * Reads a tokenizer.
 *
 * @param json - Parsed `tokenizer.json`.
 * @param path - Path of the file, for errors.
 * @throws ModelFormatError when a special token that blocks need is missing.
 */
export function parseTokenizer(json: unknown, path: string): Tokenizer {
  const { added_tokens: addedTokens = [] } = json as TokenizerJson;
  const idOf = (...spellings: string[]): number => {
    const found = addedTokens.find(({ content }) => spellings.includes(content));
    if (!found) {
      throw new ModelFormatError({
        path,
        expected: `an added token ${spellings.join(' or ')}`,
        found: 'none',
      });
    }
    return found.id;
  };
  const special = {
    openId: idOf('[CLS]', '<s>'),
    closeId: idOf('[SEP]', '</s>'),
    padId: idOf('[PAD]', '<pad>'),
  };
  const tokenizer = openHubTokenizer(json as object, path);
  return {
    ...special,
    encode: (text) =>
      Int32Array.from(
        tokenizer.encode(text.replace(/\p{Surrogate}/gu, '\uFFFD'), { add_special_tokens: false }).ids,
      ),
    spell: (id) => tokenizer.id_to_token(id) ?? '',
  };
}

/** Opens the tokenizer without its added tokens, so that no text is parsed as one of them. */
function openHubTokenizer(json: object, path: string): HubTokenizer {
  try {
    return new HubTokenizer({ ...json, added_tokens: [] }, {});
  } catch (cause) {
    throw new ModelFormatError(
      { path, expected: 'a Hugging Face tokenizer', found: String(cause) },
      { cause },
    );
  }
}
