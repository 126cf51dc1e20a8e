/**
 * Tokenising prompts: the template's special tokens are parsed, text that merely spells one is plain text, and
 * template and text still meet in one run of the tokenizer, as merges across their border ask for.
 */
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { ModelFormatError } from '../errors.ts';

/** Part of a prompt. */
export interface PromptPart {
  /** The words. */
  readonly text: string;
  /** Whether a special token's spelling is that token (`parsed`) or just words (`plain`). */
  readonly specials: 'parsed' | 'plain';
}

/** Turns prompts into token ids, and ids into the bytes they stand for. */
export interface PromptTokenizer {
  /** Ids of the parts, read as one text; nothing is added. */
  encode(parts: readonly PromptPart[]): Int32Array;
  /**
   * The piece of each token: UTF-8 bytes of the normalised text, or the ordinal of a special token. A space that the
   * tokenizer adds at the front of a text is left out.
   */
  pieces(ids: Int32Array): readonly TokenPiece[];
  /** The text as the tokenizer reads it, before it is cut into tokens. */
  normalise(text: string): string;
  /** Text of ids, special tokens left out. */
  decode(ids: readonly number[]): string;
  /** Id of a special token's spelling. */
  specialId(spelling: string): number | undefined;
}

/** The piece that one token stands for. */
export type TokenPiece = { readonly bytes: Uint8Array } | { readonly special: string };

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
}

interface TokenizerJson {
  readonly added_tokens?: readonly AddedToken[];
  readonly model?: { readonly byte_fallback?: boolean };
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
}

/** Two code points that no text holds: Unicode keeps them for programs' own use. */
const [opening, closing] = ['\uFDD0', '\uFDD1'];

/**
 * Reads a tokenizer for prompts.
 *
 * @param json - Parsed `tokenizer.json`.
 * @param path - Path of the file, for errors.
 * @throws ModelFormatError when the file is no tokenizer.
 */
export function parsePromptTokenizer(json: unknown, path: string): PromptTokenizer {
  const { added_tokens: addedTokens = [] } = json as TokenizerJson;
  const marked = addedTokens.map((token) => ({ ...token, content: markOf(token.id) }));
  try {
    const hub = new HubTokenizer({ ...(json as object), added_tokens: marked }, {});
    return new HubPromptTokenizer(hub, addedTokens, isByteLevel(json as TokenizerJson));
  } catch (cause) {
    throw new ModelFormatError(
      { path, expected: 'a Hugging Face tokenizer', found: String(cause) },
      { cause },
    );
  }
}

const markOf = (id: number): string => `${opening}${id}${closing}`;

/** Whether tokens are spelled in the byte alphabet of GPT-2. */
function isByteLevel({ pre_tokenizer: preTokenizer }: TokenizerJson): boolean {
  return JSON.stringify(preTokenizer ?? null).includes('"ByteLevel"');
}

class HubPromptTokenizer implements PromptTokenizer {
  readonly #hub: HubTokenizer;
  readonly #contents: ReadonlyMap<number, string>;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #spellings: RegExp | undefined;
  readonly #isByteLevel: boolean;

  constructor(hub: HubTokenizer, addedTokens: readonly AddedToken[], byteLevel: boolean) {
    this.#hub = hub;
    this.#contents = new Map(addedTokens.map(({ id, content }) => [id, content]));
    this.#ids = new Map(addedTokens.map(({ id, content }) => [content, id]));
    this.#isByteLevel = byteLevel;
    const longestFirst = [...this.#ids.keys()].sort((a, b) => b.length - a.length);
    if (longestFirst.length > 0) this.#spellings = new RegExp(longestFirst.map(escapeRegExp).join('|'), 'gu');
  }

  encode(parts: readonly PromptPart[]): Int32Array {
    const text = parts.map((part) => this.#mark(part)).join('');
    return Int32Array.from(this.#hub.encode(text, { add_special_tokens: false }).ids);
  }

  pieces(ids: Int32Array): readonly TokenPiece[] {
    return Array.from(ids, (id) => {
      const special = this.#contents.get(id);
      if (special !== undefined) return { special };
      return { bytes: this.#bytesOf(this.#hub.id_to_token(id) ?? '') };
    });
  }

  normalise(text: string): string {
    const readable = wellFormed(text);
    return this.#hub.normalizer ? this.#hub.normalizer(readable) : readable;
  }

  decode(ids: readonly number[]): string {
    const bytes = this.pieces(Int32Array.from(ids)).flatMap((piece) =>
      'bytes' in piece ? [piece.bytes] : [],
    );
    return Buffer.concat(bytes).toString('utf8');
  }

  specialId(spelling: string): number | undefined {
    return this.#ids.get(spelling);
  }

  #mark({ text, specials }: PromptPart): string {
    const readable = wellFormed(text);
    if (specials === 'plain' || !this.#spellings) return readable;
    return readable.replace(this.#spellings, (spelling) => markOf(this.#ids.get(spelling)!));
  }

  #bytesOf(spelling: string): Uint8Array {
    if (this.#isByteLevel) return Uint8Array.from(spelling, (character) => byteOf.get(character) ?? 63);
    const byte = /^<0x([0-9A-F]{2})>$/.exec(spelling);
    if (byte) return Uint8Array.of(Number.parseInt(byte[1]!, 16));
    return Buffer.from(spelling.replaceAll('▁', ' '));
  }
}

/** Lone surrogates and the marks' own code points read as U+FFFD. */
function wellFormed(text: string): string {
  return text.replace(/[\p{Surrogate}\uFDD0\uFDD1]/gu, '\uFFFD');
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** GPT-2's alphabet: printable bytes stand for themselves, the others for code points from 256 on. */
const byteOf: ReadonlyMap<string, number> = new Map(byteAlphabet());

function byteAlphabet(): [string, number][] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => [
    String.fromCodePoint(isPrintable(byte) ? byte : next++),
    byte,
  ]);
}
