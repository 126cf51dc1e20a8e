/** Samples texts from all over an index, and measures their states, to estimate what a build will take. */
import type { BlockState, StateMaker } from '../../../engine/index.ts';
import { shardSpans } from '../../cluster/shards.ts';
import type { DocumentTextOptions } from '../../document-text.ts';
import { documentIndices } from '../../stored-states/document-indices.ts';
import type { StatePlace } from '../../stored-states/places.ts';
import { besideContent, fieldContent, toMade } from '../place/made-state.ts';
import { type StateTargetOptions, stateTarget } from '../place/target.ts';
import { SliceScan } from './scan.ts';
import { cutSlices } from './slices.ts';

/** Options of {@link sampleTexts}. */
export interface SampleOptions extends StateTargetOptions, DocumentTextOptions {
  /** Number of texts to read. */
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
  const spans = await shardSpans(cluster, await documentIndices(cluster, index, { signal }), undefined, {
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
      const findings = await store.look(read.documents, { signal });
      texts.push(...findings.flatMap((finding) => (finding ? [finding.text] : [])));
    } finally {
      await scan.close();
    }
  }
  return { documents, texts };
}

/** Sums of the bytes that states take. */
export interface StateSizes {
  /** Bytes as vectors: in the maker's form, plus float32 where the server searches by them. */
  readonly stateBytes: number;
  /** Bytes as sent, and as kept in `_source`. */
  readonly sentBytes: number;
}

/** Measures the states of a place. */
export function stateSizes(maker: StateMaker, place: StatePlace, states: readonly BlockState[]): StateSizes {
  const hasVector = place.kind === 'field' && place.vector === true;
  const sizes = states.map((state) => {
    const made = toMade(maker, '', state);
    const content =
      place.kind === 'sidecar'
        ? besideContent(made, { seqNo: 0, primaryTerm: 1 })
        : fieldContent(made, { hasVector });
    const vectorBytes = hasVector ? Float32Array.BYTES_PER_ELEMENT * state.width : 0;
    return {
      state: (content['state'] === null ? 0 : made.bytes.byteLength) + vectorBytes,
      sent: JSON.stringify(content).length,
    };
  });
  return {
    stateBytes: sizes.reduce((sum, { state }) => sum + state, 0),
    sentBytes: sizes.reduce((sum, { sent }) => sum + sent, 0),
  };
}
