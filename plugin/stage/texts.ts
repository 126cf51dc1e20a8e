/** Finds hits without text, for which a ranking would mean nothing. */
import type { PlanWarning } from '../../adapters/adapter.ts';
import type { Candidate, Shortlist } from '../../engine/index.ts';

/** Number of candidates that give the model nothing: no text, and no vector that is trusted without text. */
export function textlessCandidates({ candidates }: Shortlist): number {
  return candidates.filter((candidate) => candidate.text.trim() === '' && !hasTrustedVector(candidate))
    .length;
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
