/** The model's own readout over the states of one list, as a graph. Axes as in encoder-layers.ts. */
import * as g from '../../graph/operations/index.ts';
import { constant, type Value } from '../../graph/value.ts';
import { readoutLogits, type TrainedReadout } from '../../network/readout/readout-graph.ts';
import { headShapes, type ProjectionName, type ReadoutHeads } from '../../readout/heads.ts';
import type { LayerModel } from './encoder-layer-model.ts';
import { listRows } from './list-blocks.ts';

/** The query's part of a list's states. */
export interface QueryRows {
  /** Its anchor, `[1, W]`. */
  readonly queryAnchor: Value;
  /** Its own words, `[Q, W]`. */
  readonly queryTokens: Value;
}

/** What is read of a list's states. */
export interface ListReadout extends QueryRows {
  /** Logits of the documents, `['documents']`. */
  readonly logits: Value;
  /** Anchors of the documents' blocks, `[D, W]`. */
  readonly anchors: Value;
  /** Tokens of the documents' blocks, `[T, W]`. */
  readonly vectors: Value;
  /** The block of each token, int64 `[T]`. */
  readonly tokenBlocks: Value;
}

/**
 * Reads a list.
 *
 * @param states - L2-normalised rows, of which `listRows` says what is what.
 * @param query - The query's, where they are not among `states`.
 */
export function listReadout(
  states: Value,
  { readout, heads, config }: Pick<LayerModel, 'readout' | 'heads' | 'config'>,
  query?: QueryRows,
): ListReadout {
  const rows = listRows();
  const anchors = g.gather(states, rows.anchors);
  const vectors = g.gather(states, rows.tokens);
  const { queryAnchor, queryTokens } = query ?? {
    queryAnchor: g.gather(states, rows.queryAnchor),
    queryTokens: g.gather(states, rows.queryTokens),
  };
  const logits = readoutLogits(
    {
      queryAnchor,
      anchors,
      documentBlocks: rows.documentBlocks,
      tokens: { queryTokens, vectors, blocks: rows.tokenBlocks },
    },
    readout,
    constantHeads(heads, config.width),
  );
  return { logits, queryAnchor, queryTokens, anchors, vectors, tokenBlocks: rows.tokenBlocks };
}

/** Trained parts of the readout as numbers of the graph; none where the model has none. */
function constantHeads(heads: ReadoutHeads | undefined, width: number): TrainedReadout {
  const rank = (name: ProjectionName): number => heads?.[name]?.rank ?? 0;
  const sizes = {
    width,
    readingRank: rank('reading'),
    anchorRank: rank('anchor'),
    tokenRank: rank('token'),
    listWidth: heads?.list?.width ?? 0,
  };
  const tensors: Record<string, Value> = {};
  for (const [name, shape] of headShapes(sizes)) {
    const [part = '', tensor = ''] = name.split('.');
    const found = heads?.[part as keyof ReadoutHeads] as Readonly<Record<string, Float32Array>> | undefined;
    tensors[name] = constant(found![tensor]!, shape);
  }
  return { sizes, tensors, scalars: {} };
}
