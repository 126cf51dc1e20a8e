/** Finds hits whose text the model did not read whole: hits without text, and texts that were cut. */
import type { PlanWarning } from '../../adapters/adapter.ts';
import type { Candidate, RankingUsage, Shortlist } from '../../engine/index.ts';

/** Number of candidates that give the model nothing: no text, and no vector that is trusted without text. */
export function textlessCandidates({ candidates }: Shortlist): number {
  return candidates.filter((candidate) => !hasText(candidate) && !hasTrustedVector(candidate)).length;
}

function hasText({ text, fieldTexts = [] }: Candidate): boolean {
  return text.trim() !== '' || fieldTexts.some((one) => one.text.trim() !== '');
}

function hasTrustedVector({ storedState }: Candidate): boolean {
  if (storedState === undefined || storedState instanceof Uint8Array) return false;
  return storedState.textDigest === undefined;
}

/**
 * Warnings about hits without text.
 *
 * @param fields - Names of the fields that the adapter reads; absent where documents have no fields.
 */
export function textWarnings(shortlist: Shortlist, fields: readonly string[] = []): readonly PlanWarning[] {
  const textless = textlessCandidates(shortlist);
  if (textless === 0) return [];
  const all = shortlist.candidates.length;
  const names = fields.map((field) => `"${field}"`).join(', ');
  const where = names === '' ? '' : ` in the fields that the model reads (${names})`;
  if (textless < all) {
    const message = `${textless} of ${all} hits have no text${where}, and were ranked as empty documents.`;
    return [{ code: 'hits-without-text', message }];
  }
  const advice =
    names === ''
      ? ''
      : ' Name each field as it stands in "_source", without boost ("title^3") or pattern ("tit*"). What "_source" does not hold (aliases, runtime fields, multi-fields, or everything where the mapping switches it off) has to be asked for in the search, as "fields".';
  return [{ code: 'no-document-text', message: `No hit has text${where}.${advice}` }];
}

/** The warning that the model's caps cut something away. */
export function cutWarnings({ truncatedTokens }: RankingUsage): readonly PlanWarning[] {
  if (truncatedTokens === 0) return [];
  const message = `${truncatedTokens} tokens of the query and the hits were cut away unread: raise maxDocumentBlocks or maxDocumentTokens of the reranker (maxQueryTokens for the query), or let it read shorter fields.`;
  return [{ code: 'text-cut', message }];
}
