/** Which texts are tokenised together, so that a device encodes the first ones while the others are tokenised. */

/** How a list is cut into waves. */
export interface WaveOptions {
  /** Tokens of one wave, about: those of a device's batch. */
  readonly waveTokens: number;
  /** Tokens of one document at most: what the caps leave of a long text. */
  readonly documentTokens: number;
  /** Workers that tokenise. */
  readonly tokenisers: number;
}

/** Characters of a token in English text, measured on the shipped tokenizer: what lengths are guessed from. */
const charactersPerToken = 4.5;

/** About how many tokens a text has, of which at most `documentTokens` are read. */
export function guessedTokens({ length }: string, documentTokens: number): number {
  return Math.min(documentTokens, 2 + length / charactersPerToken);
}

/**
 * Texts by their positions, those of like length together, longest first; each wave but the last fills a batch as far as
 * characters tell. Depends on the texts alone, so the same list always goes in the same waves.
 */
export function toWaves(
  texts: readonly string[],
  { waveTokens, documentTokens }: Pick<WaveOptions, 'waveTokens' | 'documentTokens'>,
): number[][] {
  const guesses = texts.map((text) => guessedTokens(text, documentTokens));
  const order = [...guesses.keys()].sort((a, b) => texts[b]!.length - texts[a]!.length || a - b);
  const waves: number[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const index of order) {
    if (filled >= waveTokens) {
      waves.push([]);
      filled = 0;
    }
    waves.at(-1)!.push(index);
    filled += guesses[index]!;
  }
  return waves;
}
