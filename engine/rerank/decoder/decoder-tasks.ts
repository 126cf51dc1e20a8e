/** What the workers of a decoder are asked and what they answer. */
import type { ExplainedSpan } from '../../contract.ts';
import type { MemoryBytes, MemoryShortage } from './list-path.ts';

/** One shortlist to score. */
export interface RankTask {
  readonly kind: 'rank';
  /** What was asked. */
  readonly query: string;
  /** The request's own instruction. @defaultValue none */
  readonly instruction?: string | undefined;
  /** The documents, in shortlist order. */
  readonly texts: readonly string[];
  /** Whether each document's tokens are told. */
  readonly explain: boolean;
  /** Bytes that the request may take. */
  readonly allowed: MemoryBytes;
  /** Set to 1 from outside, it ends the task before its next batch. */
  readonly cancelled: Int32Array;
}

/** Scores of every head over one shortlist, for selecting heads. */
export interface HeadsTask extends Omit<RankTask, 'kind' | 'explain'> {
  readonly kind: 'heads';
}

/** The greedy continuation of a text. */
export interface ContinueTask {
  readonly kind: 'continue';
  /** The text, special tokens parsed. */
  readonly text: string;
  /** Tokens to add at most. */
  readonly tokens: number;
}

/** Tokens of a prompt, before caps cut any away. */
export interface CountTask extends Pick<RankTask, 'query' | 'instruction' | 'texts'> {
  readonly kind: 'count';
}

/** What a worker is asked. */
export type DecoderTask = RankTask | HeadsTask | ContinueTask | CountTask;

/** What one document got. */
export interface DocumentScore {
  /** What the order is made of. */
  readonly logit: number;
  /** Share of the attention; sums to 1 over the list. */
  readonly mass: number;
  /** Part of the mass on tokens that stand for no words of the text: the id, the template. */
  readonly templateMass: number;
  /** The rest, by span of the text, descending; empty unless asked for. */
  readonly spans: readonly ExplainedSpan[];
}

/** What a worker answers to {@link RankTask}. */
export type RankAnswer =
  | {
      readonly kind: 'ranked';
      readonly documents: readonly DocumentScore[];
      readonly tokens: number;
      readonly truncatedTokens: number;
    }
  | ({ readonly kind: 'too-large' } & MemoryShortage)
  | { readonly kind: 'cancelled' };

/** Calibrated scores of every head over one shortlist. */
export interface HeadScores {
  /** Row-major, shape `[layers, heads, documents]`. */
  readonly scores: Float64Array;
  /** Lengths of its axes. */
  readonly shape: readonly [layers: number, heads: number, documents: number];
}

/** What a worker answers to {@link HeadsTask}. */
export type HeadsAnswer = ({ readonly kind: 'heads' } & HeadScores) | Exclude<RankAnswer, { kind: 'ranked' }>;

/** What a worker answers, by the task's kind. */
export interface DecoderAnswers {
  readonly rank: RankAnswer;
  readonly heads: HeadsAnswer;
  readonly continue: string;
  readonly count: number;
}
