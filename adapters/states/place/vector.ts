/** Keeps anchors as one vector a document, by which the server searches: first stage and state share the vector. */
import type { BlockState } from '../../../engine/index.ts';
import { ConfigurationError } from '../../../engine/index.ts';
import type { CallOptions } from '../../cluster/contract.ts';
import { indexSettings } from '../../cluster/indices.ts';
import type { JsonObject } from '../../cluster/json.ts';
import type { Cluster } from '../../cluster/patient-calls.ts';

/**
 * Largest distance of a squared length from 1 that needs no mending; Elasticsearch refuses vectors from about ten times
 * this distance.
 */
const lengthTolerance = 1e-5;

/**
 * The mapping of the vector, by dot product: the products of vectors of length 1 are their cosines.
 *
 * @param keepsLength - Whether vectors have lengths of their own, by which Elasticsearch needs another similarity.
 */
export function vectorMapping(server: Cluster['server'], width: number, keepsLength = false): JsonObject {
  const similarity = keepsLength ? 'max_inner_product' : 'dot_product';
  return server === 'elasticsearch'
    ? { type: 'dense_vector', dims: width, index: true, similarity }
    : {
        type: 'knn_vector',
        dimension: width,
        // The server's default engine needs native libraries, and keeps vectors outside of the heap.
        method: { name: 'hnsw', engine: 'lucene', space_type: 'innerproduct' },
      };
}

/** Number of values of a vector in a mapping of either server. */
export function mappedWidth(mapping: JsonObject): number {
  return Number(mapping['dims'] ?? mapping['dimension']);
}

/** @throws ConfigurationError for an index of OpenSearch that was made without vectors, which cannot be added later. */
export async function assertTakesVectors(
  { server, ...cluster }: Cluster,
  index: string,
  options: CallOptions,
): Promise<void> {
  if (server !== 'opensearch') return;
  const settings = await indexSettings({ server, ...cluster }, [index], options);
  if (settings.get(index)?.['index.knn'] === 'true') return;
  throw new ConfigurationError(`Cannot keep vectors in "${index}"`, [
    {
      path: 'place.vector',
      message:
        'the index was made without "index.knn": true, and OpenSearch never changes that. Make an index that has it, copy the documents with _reindex, and let the alias name the new one; or keep states without vectors',
    },
  ]);
}

/**
 * One vector of length 1: the anchor of a document of one block as it is, the mean direction of several.
 *
 * @returns Values whose decimals are exactly the float32 ones; `undefined` when the anchors have no mean direction.
 */
export function vectorOf({ width, blockTokens, anchors }: BlockState): readonly number[] | undefined {
  const sum = new Float64Array(width);
  for (let i = 0; i < anchors.length; i += 1) sum[i % width]! += anchors[i]!;
  let squares = 0;
  for (const value of sum) squares += value * value;
  if (!Number.isFinite(squares) || squares < lengthTolerance) return undefined;
  const isUnit = blockTokens.length === 1 && Math.abs(squares - 1) <= lengthTolerance;
  const length = isUnit ? 1 : Math.sqrt(squares);
  return Array.from(sum, (value) => shortFloat(Math.fround(value / length)));
}

/** The anchor of a document of one block, with its own length; `undefined` where it is all zeros. */
export function wholeVectorOf({ anchors }: BlockState): readonly number[] | undefined {
  if (!anchors.every(Number.isFinite) || anchors.every((value) => value === 0)) return undefined;
  return Array.from(anchors, shortFloat);
}

/**
 * A float32 as a number of nine digits, which tell it from its neighbours; a double would be written with seventeen.
 */
function shortFloat(value: number): number {
  return Number(value.toPrecision(9));
}
