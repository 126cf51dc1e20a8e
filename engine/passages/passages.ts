/**
 * The sentences of documents that the query looked at most. They come from the attention masses of an explanation: no
 * further model is asked.
 */
import type { ExplainedSpan, TextSegment } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { type CountedWord, countedWords, countTextTokens, type Stretch, sentencesOf } from './sentences.ts';

/** Options of {@link toPassages}. */
export interface PassageOptions {
  /** Passages of one hit at most, at least 1; with `maxTotalTokens` any number. @defaultValue 2 */
  readonly perHit?: number | undefined;
  /**
   * Tokens of one passage at most, at least 1; a longer sentence is cut into windows, the heaviest first. With
   * `maxTotalTokens` passages that follow each other are given as one, which is longer.
   *
   * @defaultValue 60
   */
  readonly maxTokens?: number | undefined;
  /** Tokens of all passages of an answer at most, at least 1. @defaultValue no limit */
  readonly maxTotalTokens?: number | undefined;
}

/** Passages of one hit by default. */
export const defaultPassagesPerHit = 2;
/** Tokens of one passage by default. */
export const defaultPassageTokens = 60;

/** A document with what the query looked at in it. */
export interface ExplainedDocument {
  /** What the model read. */
  readonly text: string;
  /** Where its fields lie; without any, the text is one field. */
  readonly segments: readonly TextSegment[];
  /** Masses by span, over the whole list, so that those of different documents compare. */
  readonly spans: readonly ExplainedSpan[];
}

/** A sentence of a document, or a window of a long one. */
export interface Passage extends Stretch {
  /** Words and marks, about the tokens of a model. */
  readonly tokens: number;
  /** Share of the query's attention, in [0, 1]; over all documents at most 1. */
  readonly mass: number;
}

const optionNames: OptionNames<PassageOptions> = { perHit: true, maxTokens: true, maxTotalTokens: true };

/** The options' faults. @param path - What stands before their names, with its full stop. @defaultValue nothing */
export function passageIssues(options: PassageOptions, path = ''): ConfigurationIssue[] {
  return Object.keys(optionNames).flatMap((name) => {
    const value: unknown = options[name as keyof PassageOptions];
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 1)) return [];
    return [
      { path: `${path}${name}`, message: `expected a whole number of at least 1, got ${String(value)}` },
    ];
  });
}

/**
 * The passages of each document, in the documents' order, each document's in reading order.
 *
 * A sentence weighs its mass over the square root of its tokens: the mass alone prefers long sentences, the mean short
 * ones. With `maxTotalTokens` the heaviest passages of all documents are taken as long as they fit, and those that follow
 * each other in a field are given as one, so that what runs over the end of a sentence stays whole. A field of one sentence
 * (a title) gives no passage where another field that was looked at has several. A document without masses, or without
 * words, has no passage.
 *
 * @throws ConfigurationError listing every option that cannot be.
 */
export function toPassages(
  documents: readonly ExplainedDocument[],
  options: PassageOptions = {},
): readonly (readonly Passage[])[] {
  checkOptionNames('Cannot take passages', options, optionNames);
  const issues = passageIssues(options);
  if (issues.length > 0) throw new ConfigurationError('Cannot take passages', issues);
  const { maxTotalTokens = Number.POSITIVE_INFINITY, maxTokens = defaultPassageTokens } = options;
  const isBudgeted = options.maxTotalTokens !== undefined;
  const { perHit = isBudgeted ? Number.POSITIVE_INFINITY : defaultPassagesPerHit } = options;
  const found = documents.map((document) => weighed(document, maxTokens).sort(byWeight).slice(0, perHit));
  const kept = withinBudget(found.flat(), maxTotalTokens);
  return documents.map((document, i) => {
    const own = found[i]!.filter((passage) => kept.has(passage)).sort(byPlace);
    return isBudgeted ? joined(document, own) : own;
  });
}

const weightOf = ({ mass, tokens }: Passage): number => mass / Math.sqrt(Math.max(1, tokens));
const byWeight = (a: Passage, b: Passage): number => weightOf(b) - weightOf(a) || a.start - b.start;
const byPlace = (a: Passage, b: Passage): number => a.start - b.start;

/** Those of a field with nothing but white space between them as one. @param passages - In reading order. */
function joined({ text, segments }: ExplainedDocument, passages: readonly Passage[]): Passage[] {
  const runs: Passage[] = [];
  for (const passage of passages) {
    const last = runs.at(-1);
    const areApart =
      !last ||
      /\S/.test(text.slice(last.end, passage.start)) ||
      segments.some(({ start }) => start >= last.end && start <= passage.start);
    if (areApart) runs.push(passage);
    else runs[runs.length - 1] = together(last, passage);
  }
  return runs;
}

const together = (a: Passage, b: Passage): Passage => ({
  start: a.start,
  end: b.end,
  tokens: a.tokens + b.tokens,
  mass: a.mass + b.mass,
});

/** The heaviest first, each that still fits; sorting is stable, so equal ones come in the documents' order. */
function withinBudget(passages: readonly Passage[], maxTotalTokens: number): ReadonlySet<Passage> {
  let left = maxTotalTokens;
  return new Set(
    passages
      .toSorted((a, b) => weightOf(b) - weightOf(a))
      .filter(({ tokens }) => {
        if (tokens > left) return false;
        left -= tokens;
        return true;
      }),
  );
}

/** Every sentence that has mass; windows of those above `maxTokens`. */
function weighed({ text, segments, spans }: ExplainedDocument, maxTokens: number): Passage[] {
  const masses = spans
    .filter(({ mass }) => mass > 0 && Number.isFinite(mass))
    .toSorted((a, b) => a.start - b.start);
  if (masses.length === 0) return [];
  let next = 0;
  return passageSentences(text, segments, masses).flatMap((sentence) => {
    while (next < masses.length && masses[next]!.start < sentence.start) next += 1;
    const first = next;
    while (next < masses.length && masses[next]!.start < sentence.end) next += 1;
    const own = masses.slice(first, next);
    if (own.length === 0) return [];
    const tokens = countTextTokens(text.slice(sentence.start, sentence.end));
    if (tokens > maxTokens) return windowsOf(countedWords(text, sentence), own, maxTokens);
    return [{ ...sentence, tokens, mass: own.reduce((sum, { mass }) => sum + mass, 0) }];
  });
}

/**
 * Sentences of the fields that have several; of all fields where none has. Fields without masses do not count: of fields
 * that are scored apart the best alone has masses, and it may be the title.
 */
function passageSentences(
  text: string,
  segments: readonly TextSegment[],
  masses: readonly ExplainedSpan[],
): Stretch[] {
  const all = segments.length > 0 ? segments : [{ start: 0, end: text.length }];
  const fields = all.filter(({ start, end }) =>
    masses.some((span) => span.start >= start && span.start < end),
  );
  const sentences = fields.map((field) => sentencesOf(text, field));
  const several = sentences.filter(({ length }) => length > 1);
  return (several.length > 0 ? several : sentences).flat();
}

/** A run of words. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
  readonly mass: number;
}

/** The heaviest window of a sentence, then those of what is left before and behind it, as long as they have mass. */
function windowsOf(
  words: readonly CountedWord[],
  spans: readonly ExplainedSpan[],
  maxTokens: number,
): Passage[] {
  const masses = massesOf(words, spans);
  const windows: Passage[] = [];
  const open: [number, number][] = [[0, words.length]];
  for (let range = open.pop(); range; range = open.pop()) {
    const run = heaviestRun(words, masses, { range, maxTokens });
    if (!run) continue;
    const { from, to, tokens, mass } = run;
    windows.push({ start: words[from]!.start, end: words[to - 1]!.end, tokens, mass });
    open.push([range[0], from], [to, range[1]]);
  }
  return windows;
}

/** The run of words in `[first, last)` with the most mass, the first of equal ones; undefined where none has any. */
function heaviestRun(
  words: readonly CountedWord[],
  masses: Float64Array,
  {
    range: [first, last],
    maxTokens,
  }: { readonly range: readonly [number, number]; readonly maxTokens: number },
): Run | undefined {
  let best: Run | undefined;
  let [from, tokens, mass] = [first, 0, 0];
  for (let at = first; at < last; at += 1) {
    tokens += words[at]!.tokens;
    mass += masses[at]!;
    for (; tokens > maxTokens; from += 1) {
      tokens -= words[from]!.tokens;
      mass -= masses[from]!;
    }
    // Sums of what was added and taken away again are not quite 0.
    if (from <= at && mass > 1e-12 && mass > (best?.mass ?? 0)) best = { from, to: at + 1, tokens, mass };
  }
  return best;
}

/** Mass of each word; both lists are in reading order. */
function massesOf(words: readonly CountedWord[], spans: readonly ExplainedSpan[]): Float64Array {
  const masses = new Float64Array(words.length);
  let at = 0;
  for (const { start, mass } of spans) {
    while (at < words.length - 1 && words[at + 1]!.start <= start) at += 1;
    masses[at]! += mass;
  }
  return masses;
}
