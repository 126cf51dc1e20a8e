/**
 * Text Embeddings Inference's rerank route, which Elasticsearch's `hugging_face` service calls. Source: its OpenAPI
 * file.
 */
import { z } from 'zod';
import { type FaultKind, faultStatus } from '../fault.ts';
import {
  documentText,
  entriesJson,
  flag,
  listOf,
  parseBody,
  plainText,
  toAsk,
  toDocuments,
  topN,
  type WireForm,
  withoutEffect,
} from './wire-form.ts';

/**
 * TEI has no `top_n`, but Elasticsearch sends it. Elasticsearch cuts the list itself, so the answer holds all
 * documents.
 */
const request = z.object({
  query: plainText,
  texts: listOf(documentText, { least: 1 }),
  truncate: flag.describe('Whether a text may be cut; `false`: one that is too long is an error.'),
  truncation_direction: withoutEffect(z.enum(['left', 'Left', 'right', 'Right']).nullish()),
  raw_scores: withoutEffect(flag),
  return_text: flag,
  top_n: withoutEffect(topN),
});

const statuses: Partial<Record<FaultKind, number>> = {
  invalid: 422,
  empty: 400,
  'too-many-documents': 413,
  'too-many-tokens': 413,
  truncated: 413,
  overloaded: 429,
  backend: 424,
};

const errorTypes: Partial<Record<FaultKind, string>> = {
  empty: 'Empty',
  'tenant-limit': 'Overloaded',
  overloaded: 'Overloaded',
  deadline: 'Overloaded',
  backend: 'Backend',
  'not-ready': 'Unhealthy',
};

/** The form. Entries hold only TEI's own fields, since Elasticsearch throws on an unknown field. */
export const tei: WireForm = {
  name: 'tei',
  title: 'Text Embeddings Inference rerank',
  listKey: 'texts',
  paths: ['/rerank'],
  request,
  failure: z.object({ error: z.string(), error_type: z.string() }),
  response: z.array(z.object({ index: z.int(), score: z.number(), text: z.string().optional() })),
  ask(body) {
    const { query, texts, truncate, return_text } = parseBody(request, body);
    return toAsk({
      query,
      documents: toDocuments(texts),
      returnDocuments: return_text,
      refusesTruncation: truncate === false,
    });
  },
  answer: (answer) =>
    entriesJson(answer, 'score', ({ text }) =>
      answer.ask.returnDocuments ? `,"text":${JSON.stringify(text)}` : '',
    ),
  fault: ({ kind, message }) => ({
    status: statuses[kind] ?? faultStatus[kind],
    body: { error: message, error_type: errorTypes[kind] ?? 'Validation' },
  }),
};
