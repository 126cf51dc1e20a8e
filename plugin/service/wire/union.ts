/** Cohere v1 and Jina in one form, for search servers. A client of either API can read the answer. */
import { z } from 'zod';
import type { Answer, AskedDocument } from '../ask.ts';
import { faultStatus } from '../fault.ts';
import type { ServedScore } from '../served-scores.ts';
import { documentJson, fieldedDocument, fieldedDocuments, metaOf, rankFieldNames } from './cohere.ts';
import { usageOf } from './jina.ts';
import { prunedText, servedPassages } from './served-passages.ts';
import {
  entriesJson,
  flag,
  instruction,
  listOf,
  modelName,
  objectJson,
  parseBody,
  questionText,
  toAsk,
  topN,
  type WireForm,
  wantedPassages,
  withoutEffect,
} from './wire-form.ts';

const request = z.object({
  model: modelName,
  query: questionText,
  instruction,
  documents: listOf(fieldedDocument, { least: 1 }),
  top_n: topN,
  rank_fields: rankFieldNames,
  return_documents: flag,
  passages: wantedPassages,
  max_chunks_per_doc: withoutEffect(z.int().min(1).nullish()),
});

/** The form: documents come back on request only, as in Cohere's. */
export const union: WireForm = {
  name: 'union',
  title: 'Cohere v1 and Jina in one',
  listKey: 'documents',
  paths: ['/v1/rerank'],
  request,
  failure: z.object({ message: z.string(), detail: z.string() }),
  response: z.object({
    id: z.string(),
    model: z.string(),
    object: z.literal('list'),
    results: z.array(
      z.object({
        index: z.int(),
        relevance_score: z.number(),
        document: z.record(z.string(), z.unknown()).optional(),
        pruned_text: z.string().optional(),
      }),
    ),
    meta: z.looseObject({}),
    usage: z.object({ total_tokens: z.int(), prompt_tokens: z.int() }),
  }),
  ask(body) {
    const { top_n, rank_fields, return_documents, documents, passages, ...given } = parseBody(request, body);
    return toAsk({
      query: given.query,
      instruction: given.instruction,
      documents: fieldedDocuments(documents, rank_fields),
      model: given.model,
      topN: top_n,
      returnDocuments: return_documents,
      passages,
    });
  },
  answer: (answer) =>
    objectJson({
      id: JSON.stringify(answer.requestId),
      model: JSON.stringify(answer.model),
      object: '"list"',
      results: entriesJson(answer, 'relevance_score', entryJson(answer)),
      meta: JSON.stringify(metaOf(answer, '1')),
      usage: JSON.stringify(usageOf(answer)),
    }),
  fault: ({ kind, message }) => ({ status: faultStatus[kind], body: { message, detail: message } }),
};

/** The document and its pruned text, where the request asked for them, as JSON. */
function entryJson(answer: Answer): (document: AskedDocument, entry: ServedScore) => string {
  const passages = servedPassages(answer);
  return (document, { index }) => {
    const own = passages.get(index);
    const pruned = own ? `,"pruned_text":${JSON.stringify(prunedText(document.text, own))}` : '';
    return `${documentJson(answer, document)}${pruned}`;
  };
}
