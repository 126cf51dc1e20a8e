/** Cohere's rerank API, v1 and v2. Source: docs.cohere.com/reference/rerank. */
import { z } from 'zod';
import type { Answer, AskedDocument } from '../ask.ts';
import { faultStatus, ServiceFault } from '../fault.ts';
import {
  documentText,
  entriesJson,
  type FaultWriter,
  flag,
  listOf,
  modelName,
  objectJson,
  parseBody,
  plainText,
  toAsk,
  toDocuments,
  topN,
  type WireForm,
  withoutEffect,
} from './wire-form.ts';

/** Documents of one billed search unit. */
const documentsPerUnit = 100;
/** Fields that are read of a document that is an object, by default. */
const defaultRankFields = ['text'];

/** Most fields that a request may name: the service looks for each of them in each document. */
const maxRankFields = 100;

/** A document as v1 takes it: text, or an object of fields. */
export const fieldedDocument: z.ZodType<string | Record<string, unknown>> = z.union([
  documentText,
  z.record(z.string(), z.unknown()),
]);

/** Names of the fields that are read of a document that is an object. */
export const rankFieldNames: z.ZodType<string[] | null | undefined> = listOf(z.string(), {
  most: maxRankFields,
}).nullish();

const entry = z.object({ index: z.int(), relevance_score: z.number() });
const meta = z.object({
  api_version: z.object({ version: z.string() }),
  billed_units: z.object({ search_units: z.int() }),
  tokens: z.object({ input_tokens: z.int() }),
});

const requestV2 = z.object({
  model: modelName,
  query: plainText,
  documents: listOf(documentText, { least: 1 }),
  top_n: topN,
  max_tokens_per_doc: withoutEffect(z.int().min(1).nullish()),
  priority: withoutEffect(z.int().nullish()),
});

const requestV1 = z.object({
  model: modelName,
  query: plainText,
  documents: listOf(fieldedDocument, { least: 1 }),
  top_n: topN,
  rank_fields: rankFieldNames,
  return_documents: flag,
  max_chunks_per_doc: withoutEffect(z.int().min(1).nullish()),
});

/** Errors are `{"message": …}`. */
export const messageFault: FaultWriter = ({ kind, message }) => ({
  status: faultStatus[kind],
  body: { message },
});

/** Version 2. */
export const cohereV2: WireForm = {
  name: 'cohere-v2',
  title: 'Cohere rerank v2',
  listKey: 'documents',
  paths: ['/cohere/v2/rerank', '/v2/rerank'],
  request: requestV2,
  failure: z.object({ message: z.string() }),
  response: z.object({ id: z.string(), results: z.array(entry), meta }),
  ask(body) {
    const { query, documents, model, top_n } = parseBody(requestV2, body);
    return toAsk({ query, documents: toDocuments(documents), model, topN: top_n });
  },
  answer: (answer) =>
    objectJson({
      id: JSON.stringify(answer.requestId),
      results: entriesJson(answer, 'relevance_score', () => ''),
      meta: JSON.stringify(metaOf(answer, '2')),
    }),
  fault: messageFault,
};

/** Version 1: documents may be objects, and come back on request. */
export const cohereV1: WireForm = {
  name: 'cohere-v1',
  title: 'Cohere rerank v1',
  listKey: 'documents',
  paths: ['/cohere/v1/rerank'],
  request: requestV1,
  failure: z.object({ message: z.string() }),
  response: z.object({
    id: z.string(),
    results: z.array(entry.extend({ document: z.record(z.string(), z.unknown()).optional() })),
    meta,
  }),
  ask(body) {
    const { query, documents, model, top_n, rank_fields, return_documents } = parseBody(requestV1, body);
    return toAsk({
      query,
      documents: fieldedDocuments(documents, rank_fields),
      model,
      topN: top_n,
      returnDocuments: return_documents,
    });
  },
  answer: (answer) =>
    objectJson({
      id: JSON.stringify(answer.requestId),
      results: entriesJson(answer, 'relevance_score', (document) => documentJson(answer, document)),
      meta: JSON.stringify(metaOf(answer, '1')),
    }),
  fault: messageFault,
};

/**
 * Texts of documents: the named fields of an object, each once, joined by line ends. A field that is missing, or null,
 * is left out.
 *
 * @throws ServiceFault when a document has none of the fields, so that the model would read nothing of it.
 */
export function fieldedDocuments(
  documents: readonly (string | Record<string, unknown>)[],
  rankFields: readonly string[] | null | undefined,
): AskedDocument[] {
  const fields = [...new Set(rankFields ?? defaultRankFields)];
  return documents.map((document, i) => {
    if (typeof document === 'string') return { text: document, echo: { text: document } };
    const known = fields.filter((field) => Object.hasOwn(document, field));
    if (known.length === 0) throw nothingToRead(i, rankFields);
    const values = known.map((field) => document[field]).filter((value) => value !== null);
    return { text: values.map(toText).join('\n'), echo: document };
  });
}

/** The message does not repeat the object's own field names: they are words of the document. */
function nothingToRead(at: number, rankFields: readonly string[] | null | undefined): ServiceFault {
  const expected = rankFields
    ? 'at least one of the fields that rank_fields names'
    : 'a field "text", or rank_fields that name others';
  return new ServiceFault('invalid', `Cannot read the request: documents[${at}]: expected ${expected}.`);
}

function toText(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toWellFormed();
}

/** `,"document":{…}` when the request asks for documents; otherwise empty. */
export function documentJson({ ask }: Answer, { text, echo }: AskedDocument): string {
  return ask.returnDocuments ? `,"document":${JSON.stringify(echo ?? { text })}` : '';
}

/** The cost of the answer, as Cohere counts it. */
export function metaOf({ ask, ranking }: Answer, version: string): object {
  return {
    api_version: { version },
    billed_units: { search_units: Math.ceil(ask.documents.length / documentsPerUnit) },
    tokens: { input_tokens: ranking?.usage.tokens ?? 0 },
  };
}
