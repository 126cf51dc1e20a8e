/** Fields of a document are scored by themselves, and the best one stands for the document. */
import type {
  Candidate,
  Explanation,
  FieldText,
  RankedCandidate,
  Ranking,
  Reranker,
  Shortlist,
} from '../contract.ts';
import { type ScoredCandidate, withCandidates } from '../scores/ranking.ts';
import { isRead, unreadLogits } from '../scores/unread.ts';
import { wrapped } from './wrapped.ts';

/**
 * The reranker over documents whose {@link Candidate.fieldTexts} are scored by themselves: one list of all of them is ranked,
 * and a document's logit is `max over its texts of (logit + ln weight)`: a logit is the log of a mass, so a weight of 2 counts a
 * mass twice. The field that won is named ({@link RankedCandidate.field}). A document without any is scored as one text;
 * a list of such documents goes to the reranker as it is.
 *
 * Block states are kept for each text. Those that a search index keeps are of whole texts, and are not read.
 *
 * @example const reranker = fieldsReranker(await openReranker());
 */
export function fieldsReranker(reranker: Reranker): Reranker {
  return wrapped(reranker, {
    async rerank(shortlist, options = {}) {
      if (shortlist.candidates.every(({ fieldTexts }) => fieldTexts === undefined)) {
        return reranker.rerank(shortlist, options);
      }
      const pieces = shortlist.candidates.flatMap(piecesOf);
      const ranking = await reranker.rerank(expanded(shortlist, pieces), options);
      return foldedBack(ranking, shortlist, pieces);
    },
  });
}

/** A field's text, or a whole document. */
interface Piece {
  /** Index of the document in the shortlist. */
  readonly owner: number;
  /** The field's text; absent where the document is scored as one text. */
  readonly of?: FieldText;
}

function piecesOf({ fieldTexts = [] }: Candidate, owner: number): readonly Piece[] {
  const told = fieldTexts.filter(({ text }) => text.trim() !== '');
  return told.length === 0 ? [{ owner }] : told.map((of) => ({ owner, of }));
}

/** The list of all pieces, without what belongs to whole documents: states of the index, and pins. */
function expanded({ query, candidates, firstStage }: Shortlist, pieces: readonly Piece[]): Shortlist {
  return {
    query,
    firstStage,
    candidates: pieces.map(({ owner, of }): Candidate => {
      const { fieldTexts: _texts, storedState: _state, ...whole } = candidates[owner]!;
      if (!of) return whole;
      const { field, text } = of;
      return { ...whole, text, segments: [{ field, start: 0, end: text.length }] };
    }),
  };
}

/** The best pieces of each document, and what all of its pieces got. */
interface Best {
  readonly ranked: RankedCandidate;
  readonly piece: Piece;
  readonly logit: number;
}

function foldedBack(ranking: Ranking, { candidates }: Shortlist, pieces: readonly Piece[]): Ranking {
  const all = candidates.map((): Best[] => []);
  for (const ranked of ranking.candidates) {
    const piece = pieces[ranked.index]!;
    all[piece.owner]!.push({ ranked, piece, logit: ranked.logit + Math.log(piece.of?.weight ?? 1) });
  }
  const read = all.flatMap((own, index) => {
    const known = own.filter(({ ranked }) => isRead(ranked));
    return known.length === 0 ? [] : [toCandidate(known, candidates[index]!, index)];
  });
  const known = new Set(read.map(({ index }) => index));
  const unread = [...candidates.keys()].filter((index) => !known.has(index));
  const logits = unreadLogits(unread, read);
  const rest = unread.map((index, i): ScoredCandidate => ({ index, logit: logits[i]!, isRead: false }));
  const { read: _, stoppedBy, ...usage } = ranking.usage;
  const counted =
    unread.length === 0 ? usage : { ...usage, read: read.length, ...(stoppedBy && { stoppedBy }) };
  return withCandidates(
    { ...ranking, usage: counted },
    [...read, ...rest].sort((a, b) => a.index - b.index),
  );
}

/** The document with the scores of its best piece; of equal ones, the first in their order. */
function toCandidate(own: readonly Best[], candidate: Candidate, index: number): ScoredCandidate {
  const best = own.reduce((a, b) =>
    b.logit > a.logit || (b.logit === a.logit && b.ranked.index < a.ranked.index) ? b : a,
  );
  const { ranked, piece, logit } = best;
  const { calibratedScore, explanation, isDropped } = ranked;
  return {
    index,
    logit,
    ...(calibratedScore !== undefined && { calibratedScore }),
    ...(explanation && { explanation: explained(own, explanation, placeOf(piece, candidate)) }),
    ...(isDropped && { isDropped }),
    ...(piece.of && { field: piece.of.field }),
    ...(piece.of?.value !== undefined && { fieldValue: piece.of.value }),
  };
}

/** First character of the piece in the document's text; -1 where the text does not hold it. */
function placeOf({ of }: Piece, { text }: Candidate): number {
  return of ? text.indexOf(of.text) : 0;
}

/**
 * The best piece's explanation, at its place in the document's text. Masses and reading weights are those of all pieces,
 * since they sum to 1 over the list; what does not lie on the best piece's words counts as the template's.
 */
function explained(own: readonly Best[], explanation: Explanation, start: number): Explanation {
  const spans =
    start < 0
      ? []
      : explanation.spans.map((span) => ({ ...span, start: span.start + start, end: span.end + start }));
  const total = (of: (one: Explanation) => number | undefined): number =>
    own.reduce((sum, { ranked }) => sum + (ranked.explanation ? (of(ranked.explanation) ?? 0) : 0), 0);
  const mass = total((one) => one.mass);
  const onWords = spans.reduce((sum, span) => sum + span.mass, 0);
  return {
    ...explanation,
    spans,
    ...(explanation.mass !== undefined && { mass, templateMass: Math.max(0, mass - onWords) }),
    ...(explanation.readingWeight !== undefined && { readingWeight: total((one) => one.readingWeight) }),
  };
}
