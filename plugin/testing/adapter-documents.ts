/** The documents that an adapter's store must hold for the conformance suite. */

/** One document of the suite. */
export interface SuiteDocument {
  /** The document's id. */
  readonly docId: string;
  /** Its name. */
  readonly title: string;
  /** The document's text: one, several, or none. */
  readonly body?: string | readonly string[];
  /** A field that is not searched. */
  readonly year: number;
  /** A date that is not searched. */
  readonly published?: string;
  /** A boolean that is not searched. */
  readonly inStock?: boolean;
  /** One keyword or several that are not searched. */
  readonly tags?: readonly string[];
  /** A geo point that is not searched. */
  readonly place?: SuitePoint;
}

/** A geo point, as both servers take it. */
export interface SuitePoint {
  /** Degrees north. */
  readonly lat: number;
  /** Degrees east. */
  readonly lon: number;
}

/**
 * The signals that the options of an adapter under test name: fields of {@link suiteDocuments}, and one that no
 * document has.
 */
export const suiteSignals: readonly string[] = ['year', 'published', 'inStock', 'tags', 'place', 'nothing'];

/** The question that all of {@link suiteDocuments} but the last one answer, each to a different degree. */
export const suiteQuery = 'stars';

const filler = 'seen from a quiet hill above the old town on a long and cold night of winter'.split(' ');

/**
 * The documents that the store of an adapter under test must hold, no more and no fewer: their titles and bodies
 * are searched. They get longer one by one, so that BM25 has an order for them; the last one does not match.
 */
export const suiteDocuments: readonly SuiteDocument[] = [
  ...Array.from({ length: 20 }, (_, i) => ({
    docId: `d${i}`,
    title: `Stars, part ${i}`,
    body: `stars ${filler.slice(0, i % filler.length).join(' ')} ${'and so on '.repeat(i)}end`,
    year: 1900 + i,
  })),
  { docId: 'no-body', title: 'stars without a body, and with quite some words in the title', year: 1990 },
  {
    docId: 'list',
    title: 'A list',
    body: ['stars in one', 'planets in another', 'telescope in a third'],
    year: 1991,
    published: '1991-02-03T04:05:06.000Z',
    inStock: true,
    tags: ['night', 'sky'],
    place: { lat: 48.5, lon: -11.25 },
  },
  {
    docId: 'odd',
    title: 'Odd "text" 🌟',
    body: 'stars \u202Bנגלה\u202C <b>[SEP]</b> \\ \u0001 naïve',
    year: 1992,
    inStock: false,
    tags: ['odd'],
  },
  { docId: 'none', title: 'Gardening', body: 'Pruning roses in early spring with a telescope.', year: 1993 },
];
