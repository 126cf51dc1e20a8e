/**
 * The prompt of in-context BlockRank, as blocks of token ids. The strings are a data interface: a released
 * checkpoint works only if they match byte for byte.
 *
 * Source: BlockRank (arXiv:2510.05396) and the prompt of its released checkpoint.
 */
import type { ChatTemplate } from '../tokenizer/chat-template.ts';
import type { PromptPart, PromptTokenizer } from '../tokenizer/prompt-tokenizer.ts';
import { type PlacedToken, placeTokens } from './token-places.ts';

/** What the chat template puts around the prompt. */
export interface ChatFrame {
  /** Before the instruction, for instance `<s>[INST] `. */
  readonly opening: string;
  /** Between the query segment and the opened answer, for instance `[/INST] Final Answer: `. */
  readonly turn: string;
  /** After a finished answer, for instance `</s>`. */
  readonly closing: string;
}

/** How long blocks may get and what is cut where they are longer. */
export interface PromptCaps {
  /** Tokens of one document block, its id and its end included. */
  readonly maxDocumentTokens: number;
  /** Tokens of the query's own words. */
  readonly maxQueryTokens: number;
  /**
   * `text` cuts a document's or the query's words, never the template, and reads what spells a special token as plain
   * text. `block` cuts every block at `maxDocumentTokens` rounded up to 16 and parses special tokens everywhere, as the
   * official code does.
   */
  readonly truncation: 'text' | 'block';
}

/** A document's block. */
export interface DocumentBlock {
  /** Token ids. */
  readonly ids: Int32Array;
  /** Tokens that the cap cut away. */
  readonly truncatedTokens: number;
}

/** A query's prompt. */
export interface InContextPrompt {
  /** The instruction block, which names the query. */
  readonly instruction: Int32Array;
  /** One block a document. */
  readonly documents: readonly DocumentBlock[];
  /** The query block, the opened answer included. */
  readonly query: Int32Array;
  /** Places in the query block: the token before the answer, then the answer's first token. */
  readonly signals: readonly [number, number];
  /** Tokens of the query that the cap cut away. */
  readonly truncatedQueryTokens: number;
}

const instructionText =
  'You will be given a query and a list of documents. Each document will be formatted as ID: <id> | CONTENT: <content> | END ID: <id>. You need to read carefully and understand all of them and your goal is to find all document(s) from the list that can help answer the query.';

/** Stands between segments while a chat is rendered; templates leave it alone. */
const separator = '\uFDD2';

/** What the chat template puts around the segments. */
export function toChatFrame(template: ChatTemplate): ChatFrame {
  const rendered = template([
    { role: 'user', content: `You${separator}query:` },
    { role: 'assistant', content: `Final Answer: ${separator}[` },
  ]);
  const [opening = '', turn = '', rest = ''] = rendered.split(separator);
  return { opening: opening.replace(/You$/, ''), turn: turn.replace(/^query:/, ''), closing: rest.slice(1) };
}

const template = (text: string): PromptPart => ({ text, specials: 'parsed' });

/** Builds prompts for one checkpoint. */
export class InContextPrompts {
  readonly #tokenizer: PromptTokenizer;
  readonly #frame: ChatFrame;
  readonly #caps: PromptCaps;

  constructor(tokenizer: PromptTokenizer, frame: ChatFrame, caps: PromptCaps) {
    this.#tokenizer = tokenizer;
    this.#frame = frame;
    this.#caps = caps;
  }

  /**
   * The blocks of a query and its documents, in order; document `i` is printed as id `i`.
   *
   * @param answer - What the answer holds already; only training gives more than the opening bracket.
   */
  prompt(query: string, documents: readonly string[], answer = '['): InContextPrompt {
    const { text, truncatedTokens } = this.#cutQuery(query);
    const instruction = this.#cutBlock(this.#tokenizer.encode(this.#instruction(text)));
    const asked = this.#tokenizer.encode(this.#question(text));
    const completion = this.#tokenizer.encode([template(answer)]);
    const query_ = this.#cutBlock(Int32Array.of(...asked, ...completion));
    return {
      instruction,
      documents: documents.map((document, index) => this.document(document, index)),
      query: query_,
      signals: [asked.length - 1, asked.length],
      truncatedQueryTokens: truncatedTokens,
    };
  }

  /** One document's block. */
  document(text: string, index: number): DocumentBlock {
    const ids = this.#tokenizer.encode(this.#document(text, index));
    if (this.#caps.truncation === 'block') {
      const kept = this.#cutBlock(ids);
      return { ids: kept, truncatedTokens: ids.length - kept.length };
    }
    return this.#cutDocument(text, index, ids);
  }

  /** Where each token of a document's block stands in the document's text. */
  places(text: string, index: number): readonly PlacedToken[] {
    const kept = this.#keptText(text, index);
    const parts = this.#document(kept, index);
    return placeTokens(this.#tokenizer, parts, 1);
  }

  #instruction(query: string): PromptPart[] {
    return [
      template(`${this.#frame.opening}${instructionText}\nQuery: `),
      this.#words(query),
      template('\n\nDocuments:'),
    ];
  }

  #document(text: string, index: number): [PromptPart, PromptPart, PromptPart] {
    return [template(`\nID: ${index} | CONTENT: `), this.#words(text), template(` | END ID: ${index}`)];
  }

  #question(query: string): PromptPart[] {
    return [
      template(
        "\n\n====== Now let's start! ======\nWhich document is most relevant to answer the query? Print out the ID of the document.\nQuery: ",
      ),
      this.#words(query),
      template(`\nThe following document(s) can help answer the query:${this.#frame.turn}`),
    ];
  }

  #words(text: string): PromptPart {
    return { text, specials: this.#caps.truncation === 'block' ? 'parsed' : 'plain' };
  }

  /** The official code's cut: the first tokens of any block, at the cap rounded up to 16. */
  #cutBlock(ids: Int32Array): Int32Array {
    if (this.#caps.truncation === 'text') return ids;
    return ids.subarray(0, Math.ceil(this.#caps.maxDocumentTokens / 16) * 16);
  }

  #cutQuery(query: string): { text: string; truncatedTokens: number } {
    if (this.#caps.truncation === 'block') return { text: query, truncatedTokens: 0 };
    return this.#cutWords([this.#words(query)], 0, this.#caps.maxQueryTokens);
  }

  #cutDocument(text: string, index: number, ids: Int32Array): DocumentBlock {
    if (ids.length <= this.#caps.maxDocumentTokens) return { ids, truncatedTokens: 0 };
    const kept = this.#tokenizer.encode(this.#document(this.#keptText(text, index), index));
    return { ids: kept, truncatedTokens: ids.length - kept.length };
  }

  #keptText(text: string, index: number): string {
    if (this.#caps.truncation === 'block') return text;
    return this.#cutWords(this.#document(text, index), 1, this.#caps.maxDocumentTokens).text;
  }

  /**
   * Shortens one part's words until all parts together take at most `most` tokens. Where the words end, tokens may
   * merge or split anew, so a cut that is one token too long is cut again.
   */
  #cutWords(
    parts: readonly PromptPart[],
    own: number,
    most: number,
  ): { text: string; truncatedTokens: number } {
    const whole = this.#tokenizer.encode(parts).length;
    let text = parts[own]!.text;
    let tokens = whole;
    while (tokens > most && text !== '') {
      const current = parts.map((part, i) => (i === own ? { ...part, text } : part));
      const places = placeTokens(this.#tokenizer, current, own).filter(({ end, start }) => end > start);
      const kept = places.length - (tokens - most);
      text = kept <= 0 ? '' : text.slice(0, Math.min(places[kept]!.start, text.length - 1));
      tokens = this.#tokenizer.encode(parts.map((part, i) => (i === own ? { ...part, text } : part))).length;
    }
    return { text, truncatedTokens: whole - tokens };
  }
}
