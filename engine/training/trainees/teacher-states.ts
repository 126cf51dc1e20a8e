/** States of the model's full depth, which a smaller depth is trained towards. */
import { availableParallelism } from 'node:os';
import type { TensorValue } from '../../graph/tensor.ts';
import { type Axis, input, type Value } from '../../graph/value.ts';
import { readOut } from '../../readout/readout.ts';
import { openEncoderReranker } from '../../rerank/encoder/open-encoder-reranker.ts';
import type { RerankerOptions } from '../../rerank/reranker-options.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import type { LayerModel } from './encoder-layer-model.ts';
import type { QueryRows } from './list-readout.ts';

/** What the full depth gives of a list, as inputs of a graph; float32. Axes as in encoder-layers.ts. */
export interface TeacherStates extends QueryRows {
  /** Anchors of the documents' blocks, `[D, W]`. */
  readonly anchors: Value;
  /** Tokens of the documents' blocks, `[T, W]`. */
  readonly vectors: Value;
  /** Logits of the documents, `['documents']`. */
  readonly logits: Value;
}

/** The inputs that {@link Teacher.feeds} feeds. */
export function teacherStates(width: number): TeacherStates {
  const rows = (name: keyof TeacherStates, ...shape: Axis[]): Value =>
    input(`${prefix}${name}`, 'float32', shape);
  return {
    queryAnchor: rows('queryAnchor', 1, width),
    queryTokens: rows('queryTokens', 'Q', width),
    anchors: rows('anchors', 'D', width),
    vectors: rows('vectors', 'T', width),
    logits: rows('logits', 'documents'),
  };
}

const prefix = 'teacher.';

/** A model that gives the states to be reached. */
export interface Teacher {
  /** Feeds of {@link teacherStates} for a list; of the query alone, where nothing else is read. */
  feeds(list: TrainingList): Promise<Readonly<Record<string, TensorValue>>>;
  /** Frees the model. */
  close(): Promise<void>;
}

/** How the full depth is computed. */
export interface TeacherOptions {
  /** Where its states of documents are kept; the source is closed with the trainee. @defaultValue memory alone */
  readonly states?: Pick<RerankerOptions, 'stateSource' | 'stateCodec'>;
  /** How the full depth's matrices are multiplied: int8 is twice as fast, and its states are about .001 (1 - cosine) off. @defaultValue 'fp32' */
  readonly fullDepthPrecision?: 'fp32' | 'int8';
  /** Workers that encode, at least 1. @defaultValue as many as there are processors, at most 4 */
  readonly workers?: number;
  /** Where copies of weights in another form are kept. @defaultValue `BLOCKRANK_CACHE`, else `~/.cache/blockrank` */
  readonly cacheFolder?: string;
}

/**
 * Opens the model at its full depth, with the caps of the training.
 *
 * @param options - Of the training.
 * @param readsDocuments - Whether documents are read, or the query alone.
 */
export async function openTeacher(
  {
    states = {},
    fullDepthPrecision = 'fp32',
    workers = Math.min(availableParallelism(), 4),
    cacheFolder,
  }: TeacherOptions,
  { path, config, caps }: LayerModel,
  readsDocuments: boolean,
): Promise<Teacher> {
  const reranker = await openEncoderReranker({
    model: path,
    precision: fullDepthPrecision,
    workers,
    warmUp: false,
    maxDocumentTokens: caps.maxDocumentTokens,
    maxDocumentBlocks: caps.maxDocumentBlocks,
    maxQueryTokens: caps.maxQueryTokens,
    ...(cacheFolder !== undefined && { cacheFolder }),
    ...states,
  });
  const rows = (parts: readonly Float32Array[]): TensorValue => joinedRows(parts, config.width);
  return {
    async feeds(list) {
      const documents = readsDocuments ? list.documents : [];
      const { query, states } = await reranker.encode({
        query: { text: list.query },
        candidates: documents.map(({ docId, text }) => ({ docId, text, segments: [] })),
        firstStage: 'unknown',
      });
      const asked = { queryAnchor: rows([query.anchor]), queryTokens: rows([query.tokens]) };
      if (!readsDocuments) return prefixed(asked);
      const { logits } = readOut(query, states, reranker.readout, { heads: reranker.heads });
      return prefixed({
        ...asked,
        anchors: rows(states.map(({ anchors }) => anchors)),
        vectors: rows(states.map(({ tokens }) => tokens!)),
        logits: { type: 'float32', shape: [states.length], data: Float32Array.from(logits) },
      });
    },
    close: () => reranker.close(),
  };
}

const prefixed = (
  fed: { readonly [Name in keyof TeacherStates]?: TensorValue },
): Record<string, TensorValue> =>
  Object.fromEntries(Object.entries(fed).map(([name, value]) => [`${prefix}${name}`, value]));

function joinedRows(parts: readonly Float32Array[], W: number): TensorValue {
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { type: 'float32', shape: [data.length / W, W], data };
}
