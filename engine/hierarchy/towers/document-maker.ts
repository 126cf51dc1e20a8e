/** Makes the documents' vectors of a hierarchy in the form in which builds of states store them. */
import type { StateMaker } from '../../rerank/encoder/state-maker.ts';
import type { Hierarchy } from './hierarchy.ts';
import { towerVectors } from './tower.ts';

/**
 * A maker for `buildStates` with a place of kind `field` and `vector: true`: each document gets the vector of its text,
 * of its own length, under `<field>.vector`. A document that the tower does not know gets none.
 *
 * @example await buildStates({ calls, index, fields: ['title'], maker: hierarchyMaker(hierarchy), owner,
 *   place: { kind: 'field', field: 'blockrank_hierarchy', vector: true } });
 */
export function hierarchyMaker({ digest, width, documents }: Hierarchy): StateMaker {
  return {
    encodingDigest: digest,
    // The vector is the whole state: nothing is kept beside it.
    form: { name: 'anchor-hierarchy', keepsLength: true, encode: () => new Uint8Array() },
    async encode(texts) {
      const { rows } = towerVectors(documents, texts);
      return texts.map((_, i) => ({
        width,
        blockTokens: [1],
        anchors: rows.slice(i * width, (i + 1) * width),
        truncatedTokens: 0,
      }));
    },
  };
}
