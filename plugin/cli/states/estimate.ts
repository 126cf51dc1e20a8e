/** Estimates what a build will take: encodes and measures a sample of the documents. */
import type { DocumentTextOptions } from '../../../adapters/document-text.ts';
import {
  type StateMaker,
  type StateTargetOptions,
  sampleTexts,
  stateSizes,
} from '../../../adapters/server.ts';

/** An estimate, from a sample. */
export interface BuildEstimate {
  /** Documents of the index. */
  readonly documents: number;
  /** Documents of the sample. */
  readonly sampled: number;
  /** Bytes of one state, the mean of the sample. */
  readonly bytesPerDocument: number;
  /**
   * Bytes of all states as they are sent and stored, in Base64 or as numbers; copies on other nodes, and the graph by
   * which vectors are searched, come on top.
   */
  readonly bytes: number;
  /** Documents encoded a second by this process. */
  readonly documentsPerSecond: number;
  /** How long one process takes, in seconds. */
  readonly seconds: number;
}

/** Number of documents that an estimate encodes. */
const sampleSize = 64;

/**
 * Encodes a sample twice: the first time loads the model. @param documentsPerSecond - The rate that limits the build.
 */
export async function estimateBuild(
  maker: StateMaker,
  options: StateTargetOptions & DocumentTextOptions,
  documentsPerSecond: number = Number.POSITIVE_INFINITY,
): Promise<BuildEstimate> {
  const { documents, texts } = await sampleTexts({ ...options, size: sampleSize });
  if (texts.length === 0) {
    return { documents, sampled: 0, bytesPerDocument: 0, bytes: 0, documentsPerSecond: 0, seconds: 0 };
  }
  await maker.encode(texts.slice(0, 4));
  const start = performance.now();
  const states = await maker.encode(texts);
  const perSecond = Math.min(documentsPerSecond, (1000 * texts.length) / (performance.now() - start));
  const { stateBytes, sentBytes } = stateSizes(maker, options.place, states);
  return {
    documents,
    sampled: texts.length,
    bytesPerDocument: Math.round(stateBytes / texts.length),
    bytes: Math.round((documents * sentBytes) / texts.length),
    documentsPerSecond: perSecond,
    seconds: documents / perSecond,
  };
}

/** The estimate as one line of text. */
export function estimateLine(estimate: BuildEstimate): string {
  const { documents, sampled, bytesPerDocument, bytes, documentsPerSecond, seconds } = estimate;
  if (sampled === 0) return 'The index holds no documents.';
  return `${documents} documents, about ${bytesPerDocument} bytes a state and ${sizeText(bytes)} in all, ${Math.round(documentsPerSecond)} documents/s and ${durationText(seconds)} with one process (from ${sampled} documents).`;
}

const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** Bytes in the unit that fits. */
export function sizeText(bytes: number): string {
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${unit === 0 ? bytes : (bytes / 1000 ** unit).toFixed(1)} ${units[unit]}`;
}

/** Seconds in the unit that fits. */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
