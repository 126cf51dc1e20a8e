/** The requests and answers of each public reranking service. Source: the services' API references. */

/** A service's wire form. */
export type RemoteApi = 'cohere' | 'jina' | 'voyage' | 'tei';

/** One call, before it has a wire form. */
export interface RemoteAsk {
  /** The question. */
  readonly query: string;
  /** The documents, in shortlist order. */
  readonly texts: readonly string[];
  /** The service's name of the model; absent where the service has only one. */
  readonly model: string | undefined;
}

interface WireForm {
  readonly request: (ask: RemoteAsk) => object;
  /** Finds the scored entries in an answer. */
  readonly entries: (answer: unknown) => unknown;
  readonly scoreKey: string;
  /** Finds the token count in an answer; absent where the service gives none. */
  readonly tokens?: (answer: unknown) => unknown;
}

const named = (model: string | undefined): object => (model === undefined ? {} : { model });
const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
const totalTokens = (answer: unknown): unknown => at(at(answer, 'usage'), 'total_tokens');

const wireForms: Readonly<Record<RemoteApi, WireForm>> = {
  cohere: {
    request: ({ query, texts, model }) => ({ ...named(model), query, documents: texts, top_n: texts.length }),
    entries: (answer) => at(answer, 'results'),
    scoreKey: 'relevance_score',
  },
  jina: {
    request: ({ query, texts, model }) => ({
      ...named(model),
      query,
      documents: texts,
      top_n: texts.length,
      return_documents: false,
    }),
    entries: (answer) => at(answer, 'results'),
    scoreKey: 'relevance_score',
    tokens: totalTokens,
  },
  voyage: {
    request: ({ query, texts, model }) => ({ ...named(model), query, documents: texts, truncation: true }),
    entries: (answer) => at(answer, 'data'),
    scoreKey: 'relevance_score',
    tokens: totalTokens,
  },
  tei: {
    request: ({ query, texts }) => ({ query, texts, truncate: true, raw_scores: false, return_text: false }),
    entries: (answer) => answer,
    scoreKey: 'score',
  },
};

/** Names of all wire forms. */
export const remoteApis: readonly RemoteApi[] = Object.keys(wireForms) as RemoteApi[];

/** The request's body. */
export function toRemoteRequest(api: RemoteApi, ask: RemoteAsk): object {
  return wireForms[api].request(ask);
}

/** The content of a service's answer. */
export interface RemoteAnswer {
  /** One entry a document, in the order of the sent documents. */
  readonly scores: readonly number[];
  /** Tokens that the service counted; 0 where it counts none. */
  readonly tokens: number;
}

/** Reads an answer; for a faulty answer, gives a text that names the fault. */
export function readRemoteAnswer(api: RemoteApi, answer: unknown, count: number): RemoteAnswer | string {
  const form = wireForms[api];
  const entries = form.entries(answer);
  if (!Array.isArray(entries)) return 'it holds no list of scores';
  const scores = new Array<number>(count).fill(Number.NaN);
  for (const entry of entries) {
    const index = at(entry, 'index');
    const score = at(entry, form.scoreKey);
    if (typeof index !== 'number' || !(index in scores)) return `it names document ${JSON.stringify(index)}`;
    if (typeof score !== 'number' || !Number.isFinite(score)) return `document ${index} has no finite score`;
    if (!Number.isNaN(scores[index])) return `document ${index} comes twice`;
    scores[index] = score;
  }
  const missing = scores.findIndex(Number.isNaN);
  if (missing !== -1) return `document ${missing} has no score`;
  const tokens = form.tokens?.(answer);
  return { scores, tokens: typeof tokens === 'number' && tokens >= 0 ? Math.round(tokens) : 0 };
}
