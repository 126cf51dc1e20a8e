/** Texts to encode: of one length exactly, or of the lengths that passages have. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Shortlist } from '../../engine/index.ts';

/** Words that are one token each. */
const words =
  'the of plant light energy water market food price animal system control data river stone music paper glass'.split(
    ' ',
  );

/** Documents of exactly `tokens` tokens each, special tokens included; every seed gives other documents. */
export function documentsOf(count: number, tokens: number, seed = 0): string[] {
  return Array.from({ length: count }, (_, d) =>
    Array.from({ length: tokens - 2 }, (_word, j) => {
      const mixed = Math.imul(d * 7919 + j * 104_729 + seed * 15_485_863 + 1, 2_654_435_761) >>> 8;
      return words[mixed % words.length]!;
    }).join(' '),
  );
}

/** Passages of natural lengths and where they are from. */
export interface Passages {
  readonly source: string;
  readonly texts: readonly string[];
}

const passageFile = fileURLToPath(new URL('../../../shared/data/trec-dl19/corpus.jsonl', import.meta.url));

/** Passages of TREC DL 2019 where that collection lies beside the project; elsewhere texts of like lengths. */
export function passages(count: number): Passages {
  if (existsSync(passageFile)) {
    const lines = readFileSync(passageFile, 'utf8').split('\n').slice(0, count);
    return { source: 'trec-dl19', texts: lines.map((line) => JSON.parse(line).text as string) };
  }
  // Lengths as there: most between 40 and 110 tokens, a few near the cap.
  const texts = Array.from({ length: count }, (_, d) => documentsOf(1, 40 + ((d * 37) % 71), d)[0]!);
  return { source: 'made up, 40 to 110 tokens', texts };
}

/** A shortlist of texts. */
export function shortlistOf(query: string, texts: readonly string[]): Shortlist {
  return {
    query: { text: query },
    firstStage: 'lexical',
    candidates: texts.map((text, i) => ({
      docId: String(i),
      text,
      segments: [],
      firstStageScore: texts.length - i,
    })),
  };
}

/** Different questions, so that no query block is found again. */
export const question = (seed: number): string =>
  `what is the price of ${words[seed % words.length]!} in market number ${seed}`;
