/** Voyage's rerank API. Source: docs.voyageai.com/reference/reranker-api. */
import { z } from 'zod';
import { faultStatus } from '../fault.ts';
import {
  documentText,
  entriesJson,
  flag,
  listOf,
  modelName,
  objectJson,
  parseBody,
  plainText,
  toAsk,
  toDocuments,
  tokensOf,
  topN,
  type WireForm,
} from './wire-form.ts';

const request = z.object({
  query: plainText,
  documents: listOf(documentText, { least: 1 }),
  model: modelName,
  top_k: topN,
  return_documents: flag,
  truncation: flag,
});

/** The form. With `truncation: false` a text that would be cut is an error. */
export const voyage: WireForm = {
  name: 'voyage',
  title: 'Voyage rerank',
  listKey: 'documents',
  paths: ['/voyage/v1/rerank'],
  request,
  failure: z.object({ detail: z.string() }),
  response: z.object({
    object: z.literal('list'),
    data: z.array(z.object({ index: z.int(), relevance_score: z.number(), document: z.string().optional() })),
    model: z.string(),
    usage: z.object({ total_tokens: z.int() }),
  }),
  ask(body) {
    const { query, documents, model, top_k, return_documents, truncation } = parseBody(request, body);
    return toAsk({
      query,
      documents: toDocuments(documents),
      model,
      topN: top_k,
      returnDocuments: return_documents,
      refusesTruncation: truncation === false,
    });
  },
  answer: (answer) =>
    objectJson({
      object: '"list"',
      data: entriesJson(answer, 'relevance_score', ({ text }) =>
        answer.ask.returnDocuments ? `,"document":${JSON.stringify(text)}` : '',
      ),
      model: JSON.stringify(answer.model),
      usage: JSON.stringify({ total_tokens: tokensOf(answer) }),
    }),
  fault: ({ kind, message }) => ({ status: faultStatus[kind], body: { detail: message } }),
};
