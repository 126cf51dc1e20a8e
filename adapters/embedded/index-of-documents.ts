/** An in-memory index over documents: BM25+ by MiniSearch, over the terms of `analysis.ts`. */
import MiniSearch, { type AsPlainObject, type Options } from 'minisearch';
import { eng } from 'stopword';
import { ConfigurationError, checkOptionNames, type OptionNames } from '../../engine/index.ts';
import { type DocumentText, textWriter } from '../document-text.ts';
import { analyzer, type Analysis as TextAnalysis } from './analysis.ts';

/** A document of the embedded index. */
export interface EmbeddedDocument {
  /** The document's id; unique. */
  readonly docId: string;
  /** The document's name; hits show it, and the model and the search read it where `fields` names it. */
  readonly title?: string | undefined;
  /** The document's text. */
  readonly text?: string | undefined;
  /** Fields for score steps, by name; neither the search nor the model reads them. @defaultValue none */
  readonly signals?: EmbeddedSignals | undefined;
}

/** A document's fields beside its text; a point is "latitude,longitude" or `{ lat, lon }`. */
export type EmbeddedSignals = Readonly<Record<string, unknown>>;

/** A part of a document that the search and the model read. */
export type EmbeddedField = 'title' | 'text';

/** Options of {@link buildEmbeddedIndex}. */
export interface EmbeddedIndexOptions {
  /** The documents to index. */
  readonly documents: readonly EmbeddedDocument[];
  /** The parts that the search and the model read, in reading order. @defaultValue `['title', 'text']` */
  readonly fields?: readonly EmbeddedField[] | undefined;
  /**
   * Words that the index leaves out, lower case; with an empty list a query takes many times longer.
   * @defaultValue the English list of the package `stopword`
   */
  readonly stopWords?: readonly string[] | undefined;
  /** Whether words are cut to their stems (Porter's, English). @defaultValue true */
  readonly stems?: boolean | undefined;
  /** Called with the number of documents indexed so far: at the start, after each 1,000, at the end. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends the build, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Names of all options of {@link buildEmbeddedIndex}. */
export const embeddedIndexOptionNames: OptionNames<EmbeddedIndexOptions> = {
  documents: true,
  fields: true,
  stopWords: true,
  stems: true,
  onProgress: true,
  signal: true,
};

/** One document found. */
export interface EmbeddedMatch {
  /** The document. */
  readonly document: EmbeddedDocument;
  /** BM25+ score, above 0. */
  readonly score: number;
}

/** What a search finds. */
export interface EmbeddedMatches {
  /** The first matches, best first. */
  readonly matches: readonly EmbeddedMatch[];
  /** How many documents match. */
  readonly total: number;
}

/** An index of documents in memory, which can be searched and stored. Safe to share between adapters. */
export interface EmbeddedIndex {
  /** How many documents it holds. */
  readonly size: number;
  /** The parts that the search and the model read. */
  readonly fields: readonly EmbeddedField[];
  /** The first `limit` matches, descending by score (equal scores in the documents' order), and how many there are. */
  search(query: string, limit: number): EmbeddedMatches;
  /** The whole index as plain data, for `JSON.stringify`; {@link loadEmbeddedIndex} reads it. */
  toJSON(): StoredIndex;
}

/** An index as plain data. */
export interface StoredIndex {
  /** Version of this form. */
  readonly format: number;
  /** The parts that the search and the model read. */
  readonly fields: readonly EmbeddedField[];
  /** Words that the index leaves out. */
  readonly stopWords: readonly string[];
  /** Whether words are cut to their stems. */
  readonly stems: boolean;
  /** The documents. */
  readonly documents: readonly EmbeddedDocument[];
  /** MiniSearch's own form. */
  readonly index: AsPlainObject;
}

type Analysis = Pick<StoredIndex, 'fields' | 'stopWords' | 'stems'>;

/** The parts that the search and the model read by default. */
export const defaultFields: readonly EmbeddedField[] = ['title', 'text'];

/** Version 2: terms without accents, and words of scripts without blanks. */
const storedFormat = 2;
const chunkSize = 1000;

/**
 * Indexes documents, without keeping the event loop busy for long.
 *
 * @throws ConfigurationError for options that cannot be, and for documents without an id or with the id of another
 * document.
 */
export async function buildEmbeddedIndex(options: EmbeddedIndexOptions): Promise<EmbeddedIndex> {
  checkOptionNames('Cannot build the embedded index', options, embeddedIndexOptionNames);
  const { documents, onProgress, signal } = options;
  const analysis = analysisOf(options);
  checkDocuments(documents);
  const search = new MiniSearch<Entry>(searchOptions(analysis));
  const textOf = documentTextOf(analysis.fields);
  for (let start = 0; start < documents.length; start += chunkSize) {
    onProgress?.(start, documents.length);
    const chunk = documents.slice(start, start + chunkSize);
    search.addAll(chunk.map((document, i) => ({ id: start + i, text: textOf(document).text })));
    await nextTurn();
    signal?.throwIfAborted();
  }
  onProgress?.(documents.length, documents.length);
  return embeddedIndex(documents, analysis, search);
}

/**
 * Opens an index from the plain data of its `toJSON`.
 *
 * @throws ConfigurationError when the data is something else, or another version wrote it.
 */
export async function loadEmbeddedIndex(stored: StoredIndex): Promise<EmbeddedIndex> {
  if (stored?.format !== storedFormat || !Array.isArray(stored.documents)) {
    throw new ConfigurationError('Cannot load embedded index', [
      {
        path: 'format',
        message: `expected ${storedFormat}, got ${JSON.stringify(stored?.format)}; build the index again`,
      },
    ]);
  }
  const { fields, stopWords, stems, documents } = stored;
  const analysis = { fields, stopWords, stems };
  const search = await MiniSearch.loadJSAsync<Entry>(stored.index, searchOptions(analysis));
  return embeddedIndex(documents, analysis, search);
}

interface Entry {
  readonly id: number;
  readonly text: string;
}

function embeddedIndex(
  documents: readonly EmbeddedDocument[],
  analysis: Analysis,
  search: MiniSearch<Entry>,
): EmbeddedIndex {
  return {
    size: documents.length,
    fields: analysis.fields,
    search(query, limit) {
      // MiniSearch multiplies a sum of BM25 parts by the number of query terms found; the plain sum is BM25.
      // nDCG@10 with the plain sum and with the product: scifact .680/.648, nfcorpus .326/.318, cranfield .509/.465
      // (all judged queries, minisearch 7.2, 2026-11-23).
      const found = search.search(query).map(({ id, score, queryTerms }) => ({
        position: id as number,
        score: score / (queryTerms.length || 1),
      }));
      found.sort((a, b) => b.score - a.score || a.position - b.position);
      const matches = found
        .slice(0, limit)
        .map(({ position, score }) => ({ document: documents[position]!, score }));
      return { matches, total: found.length };
    },
    toJSON: () => ({ format: storedFormat, ...analysis, documents, index: search.toJSON() }),
  };
}

function searchOptions(analysis: TextAnalysis): Options<Entry> {
  return { fields: ['text'], ...analyzer(analysis) };
}

/** The text of a document that the search and the model read. @throws ConfigurationError for unknown fields. */
export function documentTextOf(
  fields: readonly EmbeddedField[],
): (document: EmbeddedDocument) => DocumentText {
  const { write } = textWriter({ fields }, 'Cannot read documents');
  return (document) => write((field) => [{ text: document[field as EmbeddedField] ?? '', fieldStart: 0 }]);
}

function analysisOf(options: EmbeddedIndexOptions): Analysis {
  const { fields = defaultFields, stopWords = eng, stems = true } = options;
  const wrong = [...fields].find((field) => field !== 'title' && field !== 'text');
  if (wrong !== undefined) {
    throw new ConfigurationError('Cannot build embedded index', [
      { path: 'fields', message: `expected "title" and "text", got ${JSON.stringify(wrong)}` },
    ]);
  }
  return { fields, stopWords, stems };
}

function checkDocuments(documents: readonly EmbeddedDocument[]): void {
  const fail = (path: string, message: string): never => {
    throw new ConfigurationError('Cannot build embedded index', [{ path, message }]);
  };
  if (!Array.isArray(documents)) fail('documents', 'expected a list of { docId, title, text }');
  const seen = new Set<string>();
  for (const [i, { docId }] of documents.entries()) {
    if (typeof docId !== 'string')
      fail(`documents[${i}].docId`, `expected a text, got ${JSON.stringify(docId)}`);
    if (seen.has(docId)) fail(`documents[${i}].docId`, `expected an id of its own, got "${docId}" again`);
    seen.add(docId);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
