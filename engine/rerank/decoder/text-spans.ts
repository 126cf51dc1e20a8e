/** From masses of tokens to spans of a text. */
import type { Span } from '../../blocks/spans.ts';
import type { ExplainedSpan } from '../../contract.ts';

/** A document's mass by span. */
export interface TextSpans {
  /** Mass of the tokens without a span in the text. */
  readonly templateMass: number;
  /** Spans and their masses, descending by mass; disjoint. */
  readonly spans: readonly ExplainedSpan[];
}

/**
 * Joins masses to spans. Tokens that share a character are one span: half a character cannot be shown.
 *
 * @param tokens - One a token, ascending; empty (`start === end`) for tokens without a span.
 * @param masses - One a token.
 */
export function toTextSpans(tokens: readonly Span[], masses: Float64Array): TextSpans {
  let templateMass = 0;
  const spans: { start: number; end: number; mass: number }[] = [];
  // A block that was cut has fewer tokens than its text.
  tokens.slice(0, masses.length).forEach(({ start, end }, j) => {
    const mass = masses[j]!;
    const last = spans.at(-1);
    if (end <= start) templateMass += mass;
    else if (last && start < last.end) {
      last.end = Math.max(last.end, end);
      last.mass += mass;
    } else spans.push({ start, end, mass });
  });
  return { templateMass, spans: spans.sort((a, b) => b.mass - a.mass || a.start - b.start) };
}
