/**
 * Tells lists that are in a language which a model does not read. What costs nothing decides first: the letters' script,
 * and the share of English's most frequent words. The detector is loaded for the first list that those cannot decide.
 */
import type { Shortlist } from '../../engine/index.ts';

/** See the file's header. */
export interface LanguageGuard {
  /**
   * Whether query or documents are in a language that the model does not read. Where that is not certain (short texts,
   * names, codes, a query of up to five words in Latin letters), they are not.
   */
  isForeign(shortlist: Pick<Shortlist, 'query' | 'candidates'>): Promise<boolean>;
}

/** Documents that are looked at, spread over the list, and characters of each: together what the detector reads. */
const sampledDocuments = 10;
const sampledCharacters = 100;
/** Fewest letters that say something of a language. */
const leastLetters = 60;
/** Fewest words of a query that say so by themselves: shorter English queries of names and codes look like anything. */
const leastQueryWords = 6;
/**
 * By how much the detector's score of a foreign language must exceed that of each language which the model reads.
 * Lists: English ones had at most -.03, German and Spanish ones at least .19; queries of six words and more: at most .08
 * (99 of 100) and at least .04 (docs/searches.md).
 */
const leastMargin = 0.1;
/** Share of words that only English has, from which a text is English: half of what running text holds. */
const englishShare = 0.05;
const englishWords = /^(?:the|and|with|which|from|this|that|what|who|how|where|when|your)$/;

type Detect = (text: string) => Readonly<Record<string, number>>;

/**
 * Opens a guard. Nothing is foreign to a model that names no language, or one that the detector does not know.
 *
 * @param languages - Languages that the model reads, ISO 639-1.
 */
export function languageGuard(languages: readonly string[]): LanguageGuard {
  if (languages.length === 0) return { isForeign: async () => false };
  const readsLatinAlone = languages.every((language) => language === 'en');
  const isRead = (text: string, leastWords: number): boolean | undefined => {
    const letters = text.match(/\p{L}/gu) ?? [];
    const latin = text.match(/\p{Script=Latin}/gu) ?? [];
    if (readsLatinAlone && latin.length < letters.length / 2) return false;
    const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
    if (words.length < leastWords || (leastWords === 0 && letters.length < leastLetters)) return true;
    const known = words.filter((word) => englishWords.test(word)).length;
    return languages.includes('en') && known >= englishShare * words.length ? true : undefined;
  };
  return {
    async isForeign({ query, candidates }) {
      const sample = sampleOf(candidates);
      const texts = [
        { text: sample, isRead: isRead(sample, 0) },
        { text: query.text.slice(0, 1000), isRead: isRead(query.text.slice(0, 1000), leastQueryWords) },
      ];
      if (texts.some((each) => each.isRead === false)) return true;
      const unsure = texts.filter((each) => each.isRead === undefined);
      if (unsure.length === 0) return false;
      const { detect, known } = await detector();
      if (!languages.every((language) => known.has(language))) return false;
      return unsure.some(({ text }) => marginOf(detect(text), languages) > leastMargin);
    },
  };
}

function sampleOf(candidates: Shortlist['candidates']): string {
  const step = Math.max(1, candidates.length / sampledDocuments);
  const sampled: string[] = [];
  for (let at = 0; at < candidates.length; at += step) {
    sampled.push(candidates[Math.floor(at)]!.text.slice(0, sampledCharacters));
  }
  return sampled.join('\n');
}

/** How far the best foreign language is above the best one that the model reads. */
function marginOf(scores: Readonly<Record<string, number>>, languages: readonly string[]): number {
  const best = (isOwn: boolean): number =>
    Object.entries(scores)
      .filter(([language]) => languages.includes(language) === isOwn)
      .reduce((most, [, score]) => Math.max(most, score), 0);
  return best(false) - best(true);
}

let loaded: Promise<{ detect: Detect; known: ReadonlySet<string> }> | undefined;

/** The detector; its tables take a megabyte, so that a process in which every list is plainly English never loads them. */
function detector(): NonNullable<typeof loaded> {
  loaded ??= import('eld/extrasmall').then(({ eld }) => ({
    detect: (text) => eld.detect(text).getScores(),
    known: new Set(Object.values(eld.info().Languages)),
  }));
  return loaded;
}
