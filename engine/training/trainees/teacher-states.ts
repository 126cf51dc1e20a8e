/** States of the model's full depth, which a smaller depth is trained towards. */
import { availableParallelism } from 'node:os';
import type { TensorValue } from '../../graph/tensor.ts';
import { readOut } from '../../readout/readout.ts';
import { openEncoderReranker } from '../../rerank/encoder/open-encoder-reranker.ts';
import type { RerankerOptions } from '../../rerank/reranker-options.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import type { LayerModel } from './encoder-layer-model.ts';

/** A model that gives the states to be reached. */
export interface Teacher {
  /**
   * Feeds `teacher.tokens` and `teacher.anchors` of a list, documents first, the query's rows last, and `teacher.logits` of
   * its documents.
   */
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

/** Opens the model at its full depth, with the caps of the training. @param options - Of the training. */
export async function openTeacher(
  {
    states = {},
    fullDepthPrecision = 'fp32',
    workers = Math.min(availableParallelism(), 4),
    cacheFolder,
  }: TeacherOptions,
  { path, config, caps }: LayerModel,
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
  const W = config.width;
  return {
    async feeds(list) {
      const { query, states } = await reranker.encode({
        query: { text: list.query },
        candidates: list.documents.map(({ docId, text }) => ({ docId, text, segments: [] })),
        firstStage: 'unknown',
      });
      return {
        'teacher.tokens': joinedRows([...states.map(({ tokens }) => tokens!), query.tokens], W),
        'teacher.logits': {
          type: 'float32',
          shape: [states.length],
          data: Float32Array.from(readOut(query, states, reranker.readout, { heads: reranker.heads }).logits),
        },
        'teacher.anchors': joinedRows([...states.map(({ anchors }) => anchors), query.anchor], W),
      };
    },
    close: () => reranker.close(),
  };
}

function joinedRows(parts: readonly Float32Array[], W: number): TensorValue {
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { type: 'float32', shape: [data.length / W, W], data };
}
