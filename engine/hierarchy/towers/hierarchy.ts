/** A trained dual encoder over a hierarchy, for searching. */
import type { Embedder, Embeddings } from '../../contract.ts';
import { type NamedText, type Tower, towerVectors } from './tower.ts';

/** A document of the hierarchy and its score for a query. */
export interface NearDocument extends NamedText {
  /** Product of the two vectors; any finite number. */
  readonly score: number;
}

/** What a hierarchy is made of. */
export interface HierarchyParts {
  /** Names the numbers, hexadecimal: vectors of hierarchies with different digests do not fit together. */
  readonly digest: string;
  /** The categories. */
  readonly nodes: readonly NamedText[];
  /** Gives queries their vectors. */
  readonly queries: Tower;
  /** Gives documents theirs. */
  readonly documents: Tower;
  /** Ids of queries of its data that it was not trained on, which show what it does with words it has not seen. @defaultValue none */
  readonly heldOut?: readonly string[] | undefined;
}

/**
 * A dual encoder whose product of a query's and a document's vector says how likely the document stands at or above the
 * query in the hierarchy. The relation has a direction ("kids sandals" finds "sandals", not the other way round), so
 * queries and documents have tables of their own. Lengths of vectors count: search by the inner product, not by cosine.
 *
 * As an {@link Embedder} it gives queries their vectors. It opens no session and need not be closed.
 *
 * Source: arXiv:2509.16411, whose towers are lookup tables; towers over the words of a text are ours.
 */
export class Hierarchy implements Embedder {
  /** Names the numbers, hexadecimal. */
  readonly digest: string;
  /** The categories. */
  readonly nodes: readonly NamedText[];
  /** Values a vector. */
  readonly width: number;
  /** The queries' tower. */
  readonly queries: Tower;
  /** The documents' tower. */
  readonly documents: Tower;
  /** Ids of queries of its data that it was not trained on. */
  readonly heldOut: readonly string[];
  #nodeRows: Float32Array | undefined;

  constructor({ digest, nodes, queries, documents, heldOut = [] }: HierarchyParts) {
    this.digest = digest;
    this.nodes = nodes;
    this.queries = queries;
    this.documents = documents;
    this.heldOut = heldOut;
    this.width = queries.table.shape[1];
  }

  /** Vectors of queries, one a text; a query that the tower does not know has a row of zeros. */
  async embed(
    texts: readonly string[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Embeddings> {
    signal?.throwIfAborted();
    return this.embedNow(texts);
  }

  /** What {@link embed} resolves to. */
  embedNow(texts: readonly string[]): Embeddings {
    return towerVectors(this.queries, texts);
  }

  /** Vectors of documents, one a text; a document that the tower does not know has a row of zeros. */
  embedDocuments(texts: readonly string[]): Embeddings {
    return towerVectors(this.documents, texts);
  }

  /**
   * The categories that a query finds, best first; equal scores keep the order of {@link nodes}. Empty for a query that
   * the tower does not know.
   *
   * @param count - At most so many.
   */
  nearest(query: string, count: number): readonly NearDocument[] {
    const { rows: vector } = this.embedNow([query]);
    if (vector.every((value) => value === 0)) return [];
    const scores = this.scoresOf(vector);
    return this.nodes
      .map((node, i) => ({ ...node, score: scores[i]! }))
      .sort((a, b) => b.score - a.score)
      .slice(0, count);
  }

  /** Products of a query's vector with every category's. @param vector - `[width]`. @returns `[nodes]`. */
  scoresOf(vector: Float32Array): Float32Array {
    const W = this.width;
    const rows = this.#rowsOfNodes();
    return Float32Array.from(this.nodes, (_, i) => {
      let score = 0;
      for (let c = 0; c < W; c += 1) score += vector[c]! * rows[i * W + c]!;
      return score;
    });
  }

  #rowsOfNodes(): Float32Array {
    this.#nodeRows ??= towerVectors(
      this.documents,
      this.nodes.map((node) => documentKey(this.documents, node)),
    ).rows;
    return this.#nodeRows;
  }
}

/** What a tower finds a thing by: its id where the tower looks things up, else its words. */
export function documentKey({ form }: Pick<Tower, 'form'>, { id, text }: NamedText): string {
  return form.kind === 'lookup' ? id : text;
}
