/** Prompts of the in-context profile, as blocks of token ids, cut to their caps. */
import type { ChatTemplate } from '../tokenizer/chat-template.ts';
import type { PromptPart, PromptTokenizer } from '../tokenizer/prompt-tokenizer.ts';
import { type TokenSpan, tokenSpans } from './token-spans.ts';

/** The texts that the chat template puts around the prompt. */
export interface ChatFrame {
  /** Before the instruction, for instance `<s>[INST] `. */
  readonly opening: string;
  /** Between the user's turn and the answer, for instance `[/INST] `. */
  readonly turn: string;
  /** After a finished answer, for instance `</s>`. */
  readonly closing: string;
}

/** Stands before the query in every template. */
const queryLabel = 'Query: ';
/** Stands before a request's own instruction. Source: Qwen3 Embedding (arXiv:2506.05176), whose form this is. */
const instructLabel = 'Instruct: ';

/** The template's own words: with two strings, the user's words stand between them, behind `Query: ` where they are a query. */
export type TemplateStrings = readonly [string] | readonly [string, string];

/** The words of a prompt around the user's. */
export interface PromptTemplate {
  /** The instruction block, around the query or without it. */
  readonly instruction: TemplateStrings;
  /** A document's block, around its text. */
  document(index: number): readonly [string, string];
  /** The query block, around the query. */
  readonly question: readonly [string, string];
  /** The words that open the answer; tokenised on their own. */
  readonly answer: string;
  /** The text after a finished answer. */
  readonly closing: string;
}

/** The caps of blocks, and how longer ones are cut. */
export interface PromptCaps {
  /** Tokens of one document block, its id and its end included. */
  readonly maxDocumentTokens: number;
  /** Tokens of the query's own words. */
  readonly maxQueryTokens: number;
  /**
   * `text` cuts a document's or the query's words, never the template, and reads a special token's spelling in them as
   * plain text. `block` cuts every block at `maxDocumentTokens` rounded up to 16 and parses special tokens everywhere,
   * as the official code does.
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
  /** Indices of the signal tokens in the query block: the token before the answer, then the answer's first token. */
  readonly signals: readonly [number, number];
  /** The request's own instruction, cut to its cap; absent where it has none. */
  readonly ownInstruction?: string;
  /** Tokens of the query that the cap cut away. */
  readonly truncatedQueryTokens: number;
}

/** What a prompt holds besides query and documents. */
export interface PromptExtras {
  /** The words that open the answer; only training gives others. @defaultValue the template's */
  readonly answer?: string | undefined;
  /** The request's own instruction, which goes before the query's words. @defaultValue none */
  readonly instruction?: string | undefined;
}

/** Stands between segments while a chat is rendered; templates pass it through unchanged. */
const separator = '\uFDD2';

/** The frame that a chat template puts around a prompt. */
export function toChatFrame(template: ChatTemplate): ChatFrame {
  const rendered = template([
    { role: 'user', content: `You${separator}query:` },
    { role: 'assistant', content: `Final Answer: ${separator}[` },
  ]);
  const [opening = '', turn = '', rest = ''] = rendered.split(separator);
  return {
    opening: opening.replace(/You$/, ''),
    turn: turn.replace(/^query:/, '').replace(/Final Answer: $/, ''),
    closing: rest.slice(1),
  };
}

/** Builds prompts of one template for one checkpoint. */
export class InContextPrompts {
  readonly #tokenizer: PromptTokenizer;
  readonly #template: PromptTemplate;
  readonly #caps: PromptCaps;

  constructor(tokenizer: PromptTokenizer, template: PromptTemplate, caps: PromptCaps) {
    this.#tokenizer = tokenizer;
    this.#template = template;
    this.#caps = caps;
  }

  /** The text after a finished answer, for training. */
  get closing(): string {
    return this.#template.closing;
  }

  /**
   * The blocks of a query and its documents, in order; document `i` is printed as id `i`.
   * An instruction is cut to as many tokens as a query may have.
   */
  prompt(query: string, documents: readonly string[], extras: PromptExtras = {}): InContextPrompt {
    const { text, truncatedTokens } = this.#cutQuery(query);
    const own = extras.instruction === undefined ? undefined : this.#cutInstruction(extras.instruction);
    const instruction = this.#tokenizer.encode(this.#asked(this.#template.instruction, text, own));
    return {
      instruction: this.#cutBlock(instruction),
      documents: documents.map((document, index) => this.document(document, index)),
      ...this.question(text, { ...extras, instruction: own }),
      ...(own !== undefined && { ownInstruction: own }),
      truncatedQueryTokens: truncatedTokens,
    };
  }

  /** The query block alone, for another query over the same documents. */
  question(
    query: string,
    { answer = this.#template.answer, instruction }: PromptExtras = {},
  ): Pick<InContextPrompt, 'query' | 'signals'> {
    const asked = this.#tokenizer.encode(this.#asked(this.#template.question, query, instruction));
    const opened = answer === '' ? [] : this.#tokenizer.encode([{ text: answer, specials: 'parsed' }]);
    return {
      query: this.#cutBlock(Int32Array.of(...asked, ...opened)),
      signals: [asked.length - 1, asked.length],
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

  /** The span of each token of a document's block in the document's text. */
  spans(text: string, index: number): readonly TokenSpan[] {
    const kept = this.#keptText(text, index);
    const parts = this.#document(kept, index);
    return tokenSpans(this.#tokenizer, parts, 1);
  }

  #document(text: string, index: number): PromptPart[] {
    return this.#around(this.#template.document(index), text);
  }

  /** The template's words around the user's. */
  #around([lead, ...rest]: TemplateStrings, words: string): PromptPart[] {
    const parts: PromptPart[] = [{ text: lead, specials: 'parsed' }];
    for (const text of rest) parts.push(this.#words(words), { text, specials: 'parsed' });
    return parts;
  }

  /** The template's words around the query's; a request's instruction comes before those, in a line of its own. */
  #asked(strings: TemplateStrings, query: string, instruction: string | undefined): PromptPart[] {
    const [lead, ...rest] = strings;
    if (instruction === undefined || rest.length === 0) return this.#around(strings, query);
    return [
      { text: `${lead.slice(0, -queryLabel.length)}${instructLabel}`, specials: 'parsed' },
      this.#words(instruction),
      ...this.#around([`\n${queryLabel}`, ...rest] as TemplateStrings, query),
    ];
  }

  #cutInstruction(instruction: string): string {
    return this.#cutWords([this.#words(instruction)], 0, this.#caps.maxQueryTokens).text;
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
      const spans = tokenSpans(this.#tokenizer, current, own).filter(({ end, start }) => end > start);
      const kept = spans.length - (tokens - most);
      text = kept <= 0 ? '' : text.slice(0, Math.min(spans[kept]!.start, text.length - 1));
      tokens = this.#tokenizer.encode(parts.map((part, i) => (i === own ? { ...part, text } : part))).length;
    }
    return { text, truncatedTokens: whole - tokens };
  }
}
