/** Jina's rerank API. Source: jina.ai/reranker, api.jina.ai/redoc. */
import { z } from 'zod';
import type { Answer } from '../ask.ts';
import { faultStatus } from '../fault.ts';
import { documentJson, fieldedDocuments } from './cohere.ts';
import {
  documentText,
  entriesJson,
  type FaultWriter,
  flag,
  listOf,
  modelName,
  objectJson,
  parseBody,
  questionText,
  toAsk,
  tokensOf,
  topN,
  type WireForm,
} from './wire-form.ts';

/** A document: text, or an object that holds one. */
export const textDocument: z.ZodType<string | { text: string }> = z.union([
  documentText,
  z.object({ text: documentText }),
]);

const request = z.object({
  model: modelName,
  query: questionText,
  documents: listOf(textDocument, { least: 1 }),
  top_n: topN,
  return_documents: flag,
});

/** Errors are `{"detail": …}`; a faulty body is a 422. */
export const detailFault: FaultWriter = ({ kind, message }) => ({
  status: ['invalid', 'empty', 'too-many-documents', 'too-many-tokens'].includes(kind)
    ? 422
    : faultStatus[kind],
  body: { detail: message },
});

/** The form. */
export const jina: WireForm = {
  name: 'jina',
  title: 'Jina rerank',
  listKey: 'documents',
  paths: ['/jina/v1/rerank'],
  request,
  failure: z.object({ detail: z.string() }),
  response: z.object({
    model: z.string(),
    object: z.literal('list'),
    usage: z.object({ total_tokens: z.int(), prompt_tokens: z.int() }),
    results: z.array(
      z.object({
        index: z.int(),
        relevance_score: z.number(),
        document: z.object({ text: z.string() }).optional(),
      }),
    ),
  }),
  ask(body) {
    const { query, documents, model, top_n, return_documents } = parseBody(request, body);
    return toAsk({
      query,
      documents: fieldedDocuments(documents, undefined),
      model,
      topN: top_n,
      returnDocuments: return_documents ?? true,
    });
  },
  answer: (answer) =>
    objectJson({
      model: JSON.stringify(answer.model),
      object: '"list"',
      usage: JSON.stringify(usageOf(answer)),
      results: entriesJson(answer, 'relevance_score', (document) => documentJson(answer, document)),
    }),
  fault: detailFault,
};

/** Tokens, as Jina counts them. */
export function usageOf(answer: Answer): object {
  const tokens = tokensOf(answer);
  return { total_tokens: tokens, prompt_tokens: tokens };
}
