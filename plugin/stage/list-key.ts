/** Names a shortlist by everything that its ranking depends on. */
import { createHash } from 'node:crypto';
import type { RerankerInfo, Shortlist } from '../../engine/index.ts';

/**
 * Digest of everything that a ranking depends on: query with its instruction, first stage, every candidate's id, text,
 * score, signals and texts of fields in order, and the reranker's two digests. The digest includes lengths, so that two
 * different lists never give the same text.
 */
export function listKey(shortlist: Shortlist, reranker: RerankerInfo): string {
  const { query, candidates, firstStage } = shortlist;
  const lengths = candidates.map(({ docId, text, firstStageScore, signals, fieldTexts }) => {
    const own = `${docId.length}:${text.length}:${firstStageScore}`;
    return signals || fieldTexts ? [own, signals ?? null, fieldTexts ?? null] : own;
  });
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify([
      reranker.name,
      reranker.encodingDigest,
      reranker.readoutDigest,
      firstStage,
      query.text,
      lengths,
      // Left out where there is none: the key is then what it was without it.
      ...(query.instruction === undefined ? [] : [query.instruction]),
    ]),
  );
  // One long string hashes several times faster than many short ones.
  hash.update(candidates.map(({ docId, text }) => docId + text).join(''));
  return hash.digest('base64');
}
