/** Writes the answer of `blockrank rerank`: as a table for people, or as JSON. */
import type { HitMark, OutcomeMark } from '../../../adapters/adapter.ts';
import type { Colours } from '../context.ts';

/** One document of the answer. */
export interface ReportedHit {
  /** Its id. */
  readonly docId: string;
  /** Its title; absent when it has none. */
  readonly title?: string | undefined;
  /** The text that the model read: title and text, or the fields. */
  readonly text: string;
  /** The first stage's score; absent when it gave none. */
  readonly firstStageScore?: number | undefined;
  /** The stage's mark, with its rank; absent after the window and when nothing was reranked. */
  readonly mark?: HitMark | undefined;
}

/** An answer to print. */
export interface Report {
  /** The words of the question. */
  readonly query: string;
  /** Best first. */
  readonly hits: readonly ReportedHit[];
  /** What the stage did. */
  readonly outcome: OutcomeMark;
}

/** One document as JSON. */
export interface ReportedCandidate {
  /** 1-based rank in the new order. */
  readonly rank: number;
  /** Its id. */
  readonly docId: string;
  /** Softmax over the list, in [0, 1]; absent when it was not reranked. */
  readonly score?: number;
  /** Comparable between lists, in [0, 1]; absent when it was not reranked. */
  readonly calibratedScore?: number;
  /** 1-based rank in the first stage's order. */
  readonly firstStageRank: number;
  /** `true`: a second search found it, and the first one did not. */
  readonly fromSecondSearch?: true;
  /** The first stage's score; absent when it gave none. */
  readonly firstStageScore?: number;
  /** Its title; absent when it has none. */
  readonly title?: string;
  /** The text that the model read: title and text, or the fields. */
  readonly text: string;
  /** See {@link HitMark.parts}. */
  readonly parts?: HitMark['parts'];
  /** See {@link HitMark.protectedAs}. */
  readonly protectedAs?: HitMark['protectedAs'];
  /** The field that the score is of; absent where the document was scored as one text. */
  readonly field?: string;
  /** 0-based place of the value that won among the field's values; absent where the field is one text. */
  readonly fieldValue?: number;
  /** What the query block looked at; present with `--explain`. */
  readonly explanation?: HitMark['explanation'];
  /** Its best sentences by field; present with `--passages`. */
  readonly passages?: HitMark['passages'];
}

/** The object that `--json` prints. */
export type ReportJson = {
  readonly query: string;
  readonly candidates: readonly ReportedCandidate[];
} & OutcomeMark;

/** A report as the object that `--json` prints. */
export function toReportJson({ query, hits, outcome }: Report): ReportJson {
  return { query, candidates: hits.map(toCandidate), ...outcome };
}

/** Options of {@link toTable}. */
export interface TableOptions {
  /** Colours. */
  readonly colours: Colours;
  /** Characters a line, at least 40. */
  readonly width: number;
}

/** A report as a table: new rank, old rank, distance moved, score, id, text. */
export function toTable(report: Report, { colours, width }: TableOptions): string {
  const rows = report.hits.map((hit, i) => toRow(toCandidate(hit, i)));
  const head: Row = {
    rank: 'rank',
    was: 'was',
    moved: 'moved',
    score: 'score',
    docId: 'document',
    text: 'text',
  };
  const widths = columns.map((name) => Math.max(...[head, ...rows].map((row) => row[name].length)));
  const docIdWidth = Math.min(widths[4]!, 24);
  const toLine = (row: Row, paint: (moved: string) => string): string => {
    const fixed = columns.slice(0, 4).map((name, i) => row[name].padStart(widths[i]!));
    fixed[2] = paint(fixed[2]!);
    const used = widths.slice(0, 4).reduce((sum, one) => sum + one + 2, 0) + docIdWidth + 2;
    return [
      ...fixed,
      cut(row.docId, docIdWidth).padEnd(docIdWidth),
      cut(row.text, Math.max(width - used, 16)),
    ].join('  ');
  };
  const paintMove = (row: Row) => (moved: string) => {
    if (row.moved.startsWith('+')) return colours.green(moved);
    return row.moved.startsWith('-') ? colours.red(moved) : colours.dim(moved);
  };
  const lines = rows.flatMap((row, i) => [
    toLine(row, paintMove(row)),
    ...explanationLines(report.hits[i]!, width).map((line) => colours.dim(line)),
    ...passageLines(report.hits[i]!, width).map((line) => colours.dim(line)),
  ]);
  return [
    colours.bold(toLine(head, (moved) => moved).trimEnd()),
    ...lines,
    '',
    colours.dim(summary(report)),
  ].join('\n');
}

interface Row {
  readonly rank: string;
  readonly was: string;
  readonly moved: string;
  readonly score: string;
  readonly docId: string;
  readonly text: string;
}

const columns = ['rank', 'was', 'moved', 'score', 'docId'] as const satisfies readonly (keyof Row)[];

function toCandidate(
  { docId, title, text, firstStageScore, mark }: ReportedHit,
  i: number,
): ReportedCandidate {
  return {
    rank: i + 1,
    docId,
    ...(mark && { score: mark.score }),
    ...(mark?.calibratedScore !== undefined && { calibratedScore: mark.calibratedScore }),
    firstStageRank: mark?.firstStageRank ?? i + 1,
    ...(mark?.fromSecondSearch && { fromSecondSearch: true as const }),
    ...(firstStageScore !== undefined && { firstStageScore }),
    ...(title !== undefined && { title }),
    text,
    ...(mark?.parts && { parts: mark.parts }),
    ...(mark?.protectedAs && { protectedAs: mark.protectedAs }),
    ...(mark?.field !== undefined && { field: mark.field }),
    ...(mark?.fieldValue !== undefined && { fieldValue: mark.fieldValue }),
    ...(mark?.explanation && { explanation: mark.explanation }),
    ...(mark?.passages && { passages: mark.passages }),
  };
}

function toRow(candidate: ReportedCandidate): Row {
  const { rank, firstStageRank, fromSecondSearch: isNew, score, docId, text } = candidate;
  const moved = firstStageRank - rank;
  return {
    rank: String(rank),
    was: isNew ? 'new' : String(firstStageRank),
    moved: isNew ? '' : moved > 0 ? `+${moved}` : moved < 0 ? String(moved) : '=',
    score: score === undefined ? '-' : score.toFixed(4),
    docId: printable(docId),
    text: printable(text),
  };
}

/** Lines that explain a hit: the parts of its score, and the words that the query block looked at most. */
function explanationLines({ text, mark }: ReportedHit, width: number): string[] {
  const explanation = mark?.explanation;
  if (!explanation) return [];
  const { mass, anchorLogit, tokenLogit, listLogit, precedentLogit, precedent, readingWeight, spans } =
    explanation;
  const parts = [
    ...(mass === undefined ? [] : [`mass ${mass.toFixed(3)}`]),
    ...(anchorLogit === undefined ? [] : [`anchor ${anchorLogit.toFixed(3)}`]),
    ...(tokenLogit === undefined ? [] : [`tokens ${tokenLogit.toFixed(3)}`]),
    ...(listLogit === undefined ? [] : [`list ${listLogit.toFixed(3)}`]),
    ...(precedentLogit && precedent
      ? [`judged for ${precedent.queryId} (${precedent.cosine.toFixed(2)}) ${precedentLogit.toFixed(3)}`]
      : []),
    ...(readingWeight === undefined ? [] : [`read ${(100 * readingWeight).toFixed(1)} %`]),
    ...spans.slice(0, 5).map(({ start, end, mass }) => `"${text.slice(start, end)}" ${mass.toFixed(3)}`),
  ];
  return [`      ${cut(printable(parts.join(' · ')), width - 6)}`];
}

/** A line for each of its best sentences. */
function passageLines({ mark }: ReportedHit, width: number): string[] {
  return Object.values(mark?.passages ?? {})
    .flat()
    .map((passage) => `      ${cut(printable(`» ${passage}`), width - 6)}`);
}

function summary({ outcome, hits }: Report): string {
  const { timings, usage, reranked, reason, error } = outcome;
  const times = `first stage ${timings.firstStageMs.toFixed(1)} ms, reranking ${timings.rerankMs.toFixed(1)} ms`;
  if (!reranked)
    return `${hits.length} documents in first-stage order: ${reason}${error ? ` (${error.message})` : ''}; ${times}`;
  const cost = usage
    ? `; ${usage.tokens} tokens read, ${usage.truncatedTokens} cut away, ${usage.statesEncoded} documents encoded, ${usage.statesFound} at hand`
    : '';
  const why = outcome.stoppedBy === 'page' ? 'as far as the page needs' : 'in time';
  const read = outcome.read === undefined ? '' : `, ${outcome.read} of them read ${why}`;
  return `${hits.length} documents, ${outcome.rankWindowSize} reranked${read}; ${times}${cost}`;
}

/** One line without control characters: documents must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trimEnd();
}

function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}
