/** Writes what a model looked at in the shape of a search server's `highlight`. */
import type { Candidate, ExplainedSpan, TextSegment } from '../engine/index.ts';

/** Fragments by field, the words that got the most attention in `<em>`. */
export type Highlight = Readonly<Record<string, readonly string[]>>;

/** Characters of the text around the marked words, to each side: about the servers' fragments of 100. */
const contextCharacters = 50;

/** Share of a candidate's attention that the marked spans hold at least, the heaviest first... */
const markedShare = 0.5;

/** ...and the most spans that are marked. */
const maxMarked = 12;

/** Most fragments of one field, the heaviest first; the servers' own number. */
const maxFragments = 5;

interface Span {
  start: number;
  end: number;
}

/**
 * The fields of a candidate with its heaviest spans marked.
 *
 * @param spans - Spans and their masses, descending by mass.
 * @returns undefined when no span lies in a field.
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
function within({ start, end }: Span, segment: TextSegment): Span[] {
  const span = { start: Math.max(start, segment.start), end: Math.min(end, segment.end) };
  return span.end > span.start ? [span] : [];
}

/** The spans in reading order; spans with only white space between them are joined. */
function joined(spans: readonly Span[], text: string): Span[] {
  const result: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const trimmed = trim(span, text);
    const last = result.at(-1);
    if (last && text.slice(last.end, trimmed.start).trim() === '') last.end = Math.max(last.end, trimmed.end);
    else if (trimmed.end > trimmed.start) result.push(trimmed);
  }
  return result;
}

function trim({ start, end }: Span, text: string): Span {
  const words = text.slice(start, end);
  const lead = words.length - words.trimStart().length;
  return { start: start + lead, end: start + Math.max(lead, words.trimEnd().length) };
}

function toFragments(text: string, { start, end }: TextSegment, spans: readonly Span[]): string[] {
  const windows: { window: Span; spans: Span[] }[] = [];
  for (const span of spans) {
    const window = {
      start: wordStart(text, Math.max(start, span.start - contextCharacters), start),
      end: wordEnd(text, Math.min(end, span.end + contextCharacters), end),
    };
    const last = windows.at(-1);
    if (last && window.start <= last.window.end) {
      last.window.end = window.end;
      last.spans.push(span);
    } else windows.push({ window, spans: [span] });
  }
  return windows.map(({ window, spans: own }) => mark(text, window, own));
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

function mark(text: string, window: Span, spans: readonly Span[]): string {
  let at = window.start;
  let fragment = '';
  for (const { start, end } of spans) {
    fragment += `${text.slice(at, start)}<em>${text.slice(start, end)}</em>`;
    at = end;
  }
  return (fragment + text.slice(at, window.end)).trim();
}
