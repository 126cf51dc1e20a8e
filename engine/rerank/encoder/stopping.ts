/**
 * Stopping early: documents are read in rounds, in first-stage order, and reading ends once it is improbable enough that
 * what is left would change which documents are on the first page.
 */
import type { BlockState, Shortlist } from '../../contract.ts';
import type { ReadoutHeads } from '../../readout/heads.ts';
import type { QueryState, ReadoutParameters } from '../../readout/parameters.ts';
import { readOut } from '../../readout/readout.ts';
import { defaultFusionWeight } from '../../scores/fusion.ts';
import { leastRead, pageRisk } from '../../scores/page-risk.ts';

/** Options of stopping early. How much of a list is read depends on the list, so that a document's rank does too. */
export interface StoppingOptions {
  /** Leading ranks that matter: the largest page that is asked for, at least 1. @defaultValue 10 */
  readonly page?: number | undefined;
  /**
   * Probability that is accepted that reading the rest would bring another document onto the page, above 0 and below 1.
   * @defaultValue 0.3
   */
  readonly risk?: number | undefined;
}

/** {@link StoppingOptions} with their defaults filled in. */
export interface StoppingBounds {
  readonly page: number;
  readonly risk: number;
}

/** The bounds that options mean. */
export function toStoppingBounds({ page, risk }: StoppingOptions): StoppingBounds {
  return { page: page ?? 10, risk: risk ?? 0.3 };
}

/** What {@link Stopping} works with. */
export interface StoppingParts extends StoppingBounds {
  /** Reading and scoring. */
  readonly readout: ReadoutParameters;
  /** Trained parts of it. @defaultValue none */
  readonly heads?: ReadoutHeads | undefined;
  /** The share of a lexical first stage in the order that is served, in [0, 1]. @defaultValue fusion's own */
  readonly fusionWeight?: number | undefined;
}

/** Tells whether a list needs no more reading. */
export class Stopping {
  readonly #parts: StoppingParts;

  constructor(parts: StoppingParts) {
    this.#parts = parts;
  }

  /**
   * Judges by the anchors of what was read, which is done in no time; the token head's part of the score changes the
   * judgement by next to nothing.
   *
   * @param states - One entry a candidate; undefined: not read.
   */
  isEnough(
    query: QueryState,
    states: readonly (BlockState | undefined)[],
    { candidates, firstStage }: Shortlist,
  ): boolean {
    const { page, risk, readout, heads, fusionWeight = defaultFusionWeight } = this.#parts;
    const read = states.flatMap((state, index) => (state ? [{ index, state }] : []));
    if (read.length < leastRead(page)) return false;
    const known = read.map(({ state }) => state);
    const { logits } = readOut(query, known, { ...readout, tokenWeight: 0 }, { heads });
    return (
      risk >=
      pageRisk({
        read: read.map(({ index }, i) => ({ index, logit: logits[i]! })),
        firstStageScores: candidates.map(({ firstStageScore }) => firstStageScore),
        firstStageWeight: firstStage === 'lexical' ? fusionWeight : 0,
        page,
      })
    );
  }
}
