/** What a model looked at, shaped like a search server's `highlight`. */
import type { Candidate, ExplainedSpan, TextSegment } from '../engine/index.ts';

/** Fragments by field, the words that got the most attention in `<em>`. */
export type Highlight = Readonly<Record<string, readonly string[]>>;

/** Characters of the text around the marked words, to each side: about the servers' fragments of 100. */
const contextCharacters = 50;

/** The marked places hold at least this share of a candidate's attention, the heaviest first... */
const markedShare = 0.5;

/** ...and are at most so many. */
const maxMarked = 12;

/** Fragments of one field, the heaviest first; as many as the servers give. */
const maxFragments = 5;

interface Place {
  start: number;
  end: number;
}

/**
 * The fields of a candidate with its heaviest places marked.
 *
 * @param spans - Places and their masses, descending by mass.
 * @returns undefined when no place lies in a field.
 */
export function toHighlight(
  { text, segments }: Pick<Candidate, 'text' | 'segments'>,
  spans: readonly ExplainedSpan[],
): Highlight | undefined {
  const marked = heaviest(spans);
  const fields = new Map<string, string[]>();
  for (const segment of segments) {
    const own = joined(
      marked.flatMap((span) => within(span, segment)),
      text,
    );
    if (own.length === 0) continue;
    const fragments = [...(fields.get(segment.field) ?? []), ...toFragments(text, segment, own)];
    fields.set(segment.field, fragments.slice(0, maxFragments));
  }
  return fields.size > 0 ? Object.fromEntries(fields) : undefined;
}

function heaviest(spans: readonly ExplainedSpan[]): ExplainedSpan[] {
  const total = spans.reduce((sum, { mass }) => sum + mass, 0);
  const marked: ExplainedSpan[] = [];
  let sum = 0;
  for (const span of spans) {
    if (marked.length === maxMarked || sum >= markedShare * total) break;
    marked.push(span);
    sum += span.mass;
  }
  return marked;
}

/** The part of a span that lies in a segment, without white space at its ends. */
function within({ start, end }: Place, segment: TextSegment): Place[] {
  const place = { start: Math.max(start, segment.start), end: Math.min(end, segment.end) };
  return place.end > place.start ? [place] : [];
}

/** In reading order; places with nothing but white space between them are one. */
function joined(places: readonly Place[], text: string): Place[] {
  const result: Place[] = [];
  for (const place of [...places].sort((a, b) => a.start - b.start)) {
    const trimmed = trim(place, text);
    const last = result.at(-1);
    if (last && text.slice(last.end, trimmed.start).trim() === '') last.end = Math.max(last.end, trimmed.end);
    else if (trimmed.end > trimmed.start) result.push(trimmed);
  }
  return result;
}

function trim({ start, end }: Place, text: string): Place {
  const words = text.slice(start, end);
  const lead = words.length - words.trimStart().length;
  return { start: start + lead, end: start + Math.max(lead, words.trimEnd().length) };
}

function toFragments(text: string, { start, end }: TextSegment, places: readonly Place[]): string[] {
  const windows: { window: Place; places: Place[] }[] = [];
  for (const place of places) {
    const window = {
      start: wordStart(text, Math.max(start, place.start - contextCharacters), start),
      end: wordEnd(text, Math.min(end, place.end + contextCharacters), end),
    };
    const last = windows.at(-1);
    if (last && window.start <= last.window.end) {
      last.window.end = window.end;
      last.places.push(place);
    } else windows.push({ window, places: [place] });
  }
  return windows.map(({ window, places: own }) => mark(text, window, own));
}

const isSpace = (character: string | undefined): boolean => character === undefined || /\s/.test(character);

function wordStart(text: string, at: number, least: number): number {
  let start = at;
  while (start > least && !isSpace(text[start - 1])) start -= 1;
  return start;
}

function wordEnd(text: string, at: number, most: number): number {
  let end = at;
  while (end < most && !isSpace(text[end])) end += 1;
  return end;
}

function mark(text: string, window: Place, places: readonly Place[]): string {
  let at = window.start;
  let fragment = '';
  for (const { start, end } of places) {
    fragment += `${text.slice(at, start)}<em>${text.slice(start, end)}</em>`;
    at = end;
  }
  return (fragment + text.slice(at, window.end)).trim();
}
