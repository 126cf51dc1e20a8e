/** A few texts from all over an index, to measure what a build will take. */
import type { DocumentTextOptions } from '../document-text.ts';
import type { Place } from './contract.ts';
import { concreteIndices } from './indices.ts';
import { SliceScan } from './scan.ts';
import { shardSpans } from './shards.ts';
import { cutSlices } from './slices.ts';
import { type StateTargetOptions, stateTarget } from './target.ts';

/** Options of {@link sampleTexts}. */
export interface SampleOptions extends StateTargetOptions, DocumentTextOptions {
  /** How many texts are wanted. */
  readonly size: number;
}

/** Texts of documents from all over an index, and how many documents it holds. */
export interface TextSample {
  /** Documents of the index. */
  readonly documents: number;
  /** About as many texts as were asked for. */
  readonly texts: readonly string[];
}

/** Reads a sample: a few documents from each of several places. */
export async function sampleTexts(options: SampleOptions): Promise<TextSample> {
  const { index, size, signal } = options;
  const { cluster, store } = stateTarget(options, options);
  const spans = await shardSpans(cluster, await concreteIndices(cluster, index, { signal }), undefined, {
    signal,
  });
  const documents = spans.reduce((sum, span) => sum + span.documents, 0);
  const slices = cutSlices(spans, 8);
  const page = { documents: Math.max(1, Math.ceil(size / Math.max(1, slices.length))) };
  const texts: string[] = [];
  for (const slice of slices) {
    if (texts.length >= size) break;
    const scan = new SliceScan(cluster, slice, { scanned: store.scanned, page });
    try {
      const read = await scan.next(slice.after, { signal });
      const places = await store.look(read.documents, { signal });
      texts.push(...places.flatMap((place: Place | undefined) => (place ? [place.text] : [])));
    } finally {
      await scan.close();
    }
  }
  return { documents, texts };
}
