/** The service's own form: ids, first-stage scores, explanations. */
import { z } from 'zod';
import type { Answer, AskedDocument } from '../ask.ts';
import { faultStatus } from '../fault.ts';
import type { ServedScore } from '../served-scores.ts';
import { prunedText, servedPassages } from './served-passages.ts';
import {
  documentText,
  entriesJson,
  flag,
  instruction,
  listOf,
  modelName,
  objectJson,
  parseBody,
  plainText,
  toAsk,
  topN,
  type WireForm,
  wantedPassages,
} from './wire-form.ts';

/** Fields that the model does not read, for the service's `signals`: numbers, texts, booleans, points, and lists of them. */
const signals = z.record(z.string(), z.unknown()).optional();

const document = z.union([
  documentText,
  z.object({ id: z.string().optional(), text: documentText, score: z.number().optional(), signals }),
]);

const request = z.object({
  query: plainText,
  instruction,
  documents: listOf(document, { least: 1 }),
  model: modelName,
  topN,
  explain: flag,
  passages: wantedPassages,
  returnDocuments: flag,
});

const explanation = z.looseObject({
  mass: z.number().optional(),
  spans: z.array(z.object({ start: z.int(), end: z.int(), mass: z.number() })),
});

/**
 * The form. A document's `score` is a lexical first stage's; when all documents have one, the service fuses it in, as
 * the stage does.
 */
export const native: WireForm = {
  name: 'native',
  title: 'blockrank',
  listKey: 'documents',
  paths: ['/blockrank/rerank'],
  request,
  failure: z.object({ error: z.object({ code: z.string(), message: z.string(), requestId: z.string() }) }),
  response: z.object({
    requestId: z.string(),
    model: z.string(),
    reranked: z.boolean(),
    reason: z.string().optional(),
    answerable: z.number().optional(),
    cache: z.enum(['hit', 'miss', 'coalesced']),
    results: z.array(
      z.object({
        index: z.int(),
        score: z.number(),
        id: z.string().optional(),
        logit: z.number().optional(),
        share: z.number().optional(),
        calibratedScore: z.number().optional(),
        isRead: z.literal(false).optional(),
        isDropped: z.literal(true).optional(),
        parts: z.array(z.object({ name: z.string(), value: z.number() })).optional(),
        protectedAs: z.enum(['leader', 'identifier']).optional(),
        text: z.string().optional(),
        explanation: explanation.optional(),
        passages: z
          .array(
            z.object({
              start: z.int(),
              end: z.int(),
              tokens: z.int(),
              mass: z.number(),
              text: z.string(),
            }),
          )
          .optional(),
        prunedText: z.string().optional(),
      }),
    ),
    usage: z.object({
      tokens: z.int(),
      truncatedTokens: z.int(),
      statesFound: z.int(),
      statesEncoded: z.int(),
      read: z.int().optional(),
      stoppedBy: z.enum(['time', 'page']).optional(),
      statesDropped: z.int().optional(),
    }),
    routed: z
      .object({
        to: z.string(),
        reason: z.string(),
        expectedLoss: z.number(),
        costMs: z.number(),
        cluster: z.int().optional(),
      })
      .optional(),
    elapsedMs: z.number(),
  }),
  ask(body) {
    const { documents, ...given } = parseBody(request, body);
    return toAsk({
      ...given,
      documents: documents.map((one) =>
        typeof one === 'string'
          ? { text: one }
          : { id: one.id, text: one.text, firstStageScore: one.score, signals: one.signals },
      ),
    });
  },
  answer(answer) {
    const { requestId, model, ranking, reason, cache, elapsedMs } = answer;
    const noUsage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };
    return objectJson({
      requestId: JSON.stringify(requestId),
      model: JSON.stringify(model),
      reranked: String(ranking !== undefined),
      ...(ranking?.answerable !== undefined && { answerable: JSON.stringify(ranking.answerable) }),
      ...(reason && { reason: JSON.stringify(reason) }),
      cache: JSON.stringify(cache),
      results: entriesJson(answer, 'score', detailsJson(answer)),
      usage: JSON.stringify(ranking?.usage ?? noUsage),
      ...(ranking?.routed && { routed: JSON.stringify(ranking.routed) }),
      elapsedMs: JSON.stringify(Math.round(elapsedMs * 1000) / 1000),
    });
  },
  fault: ({ kind, message }, requestId) => ({
    status: faultStatus[kind],
    body: { error: { code: kind, message, requestId } },
  }),
};

/** Details of each document beside its score, as JSON. */
function detailsJson(answer: Answer): (document: AskedDocument, entry: ServedScore) => string {
  const { ranking, ask } = answer;
  const passages = servedPassages(answer);
  const candidates = new Map(ranking?.candidates.map((candidate) => [candidate.index, candidate]));
  return ({ id, text }, { index }) => {
    const candidate = candidates.get(index);
    const own = passages.get(index);
    const details = {
      id,
      logit: candidate?.logit,
      share: candidate?.score,
      calibratedScore: candidate?.calibratedScore,
      isRead: candidate?.isRead,
      isDropped: candidate?.isDropped,
      parts: candidate?.parts,
      protectedAs: candidate?.protectedAs,
      ...(ask.returnDocuments && { text }),
      ...(ask.explain && { explanation: candidate?.explanation }),
      ...(own && {
        passages: own.map((passage) => ({ ...passage, text: text.slice(passage.start, passage.end) })),
        prunedText: prunedText(text, own),
      }),
    };
    const json = JSON.stringify(details);
    return json === '{}' ? '' : `,${json.slice(1, -1)}`;
  };
}
