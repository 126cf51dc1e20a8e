/** How much there is to read of texts, and whether it can be read in a time. */
import { ReadingPace } from './reading-pace.ts';
import { isAmple } from './timed-reading.ts';
import { guessedTokens, type WaveOptions } from './waves.ts';

/** What reads. */
export interface Readers {
  /** Tokens of a batch at most. */
  readonly batchTokens: number;
  /** Workers that encode. */
  readonly workers: number;
  /** Given where a device encodes while the workers tokenise ahead of it. */
  readonly waves?: WaveOptions;
  /** Tokens of one document at most: what the caps leave of a long text. @defaultValue Infinity */
  readonly documentTokens?: number;
  /** How long documents take to encode, shared by encoders over the same workers. @defaultValue an own one */
  readonly pace?: ReadingPace;
}

/** What texts are to their readers. */
export interface Load {
  /** Tokens of each text, about. */
  readonly tokens: readonly number[];
  /** Parts that are read at once. */
  readonly lanes: number;
}

/** See the file's header. */
export class ReadingLoad {
  /** How long tokens take; learns from what is read. */
  readonly pace: ReadingPace;
  readonly #lanes: number;
  readonly #documentTokens: number;

  constructor({ batchTokens, workers, waves, documentTokens = Number.POSITIVE_INFINITY, pace }: Readers) {
    this.pace = pace ?? new ReadingPace(batchTokens);
    this.#lanes = waves ? workers + 1 : workers;
    this.#documentTokens = documentTokens;
  }

  /** The load of texts. */
  of(texts: readonly string[]): Load {
    return { tokens: texts.map((text) => guessedTokens(text, this.#documentTokens)), lanes: this.#lanes };
  }

  /** Whether there is so much time that all of these texts can be encoded without looking at the clock. */
  hasTimeFor(texts: readonly string[], ms: number): boolean {
    return texts.length === 0 || isAmple({ ...this.of(texts), pace: this.pace }, ms);
  }

  /** Learns that these texts took longer than a time. */
  noteLate(texts: readonly string[], ms: number): void {
    const { tokens, lanes } = this.of(texts);
    this.pace.noteLate(tokens.reduce((sum, count) => sum + count, 0) / lanes, ms);
  }
}
