/** The parameters of the readout. None of them changes a block state. */

/** Turns a cosine into a probability of relevance: `1 / (1 + exp(-(slope * cosine + intercept)))`. */
export interface Calibration {
  /** Logit for each unit of cosine. */
  readonly slope: number;
  /** Logit at cosine 0. */
  readonly intercept: number;
}

/** Parameters of reading and scoring (`blockrank.json`, property `readout`). */
export interface ReadoutParameters {
  /** How far the query's anchor moves towards the anchors that it read, >= 0; 0 turns reading off. */
  readonly alpha: number;
  /** Temperature of the reading attention, > 0. */
  readonly readingTau: number;
  /** How often the query block reads, >= 0. */
  readonly readingSteps: number;
  /** Temperature of the anchor head, > 0. */
  readonly anchorTau: number;
  /** Temperature of the token head, > 0. */
  readonly tokenTau: number;
  /** Weight of the token head, >= 0. */
  readonly tokenWeight: number;
  /** How masses of the query's tokens become one number: log of the mean, or mean of the logs. */
  readonly pooling: 'arithmetic' | 'geometric';
  /** How the masses of a document's blocks are joined: sum of masses, or the largest. */
  readonly blockJoin: 'sum' | 'max';
  /** Cosine from which two anchors count as near duplicates and vote once while reading, in (0, 1]. */
  readonly duplicateCosine: number;
  /** The calibrated score's curve. */
  readonly calibration: Calibration;
}

/** The state of the query block. All vectors are L2-normalised rows, row-major float32. */
export interface QueryState {
  /** Values a vector. */
  readonly width: number;
  /** The query block's first token, shape `[width]`. */
  readonly anchor: Float32Array;
  /** The query's own words, shape `[queryTokens, width]`. */
  readonly tokens: Float32Array;
  /** Tokens of the whole query block, instruction and special tokens included. */
  readonly blockTokens: number;
  /** Tokens that the cap cut away. */
  readonly truncatedTokens: number;
}
