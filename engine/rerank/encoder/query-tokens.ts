/** What both profiles of an encoder say of a query: that it can be read, and how long a request is. */
import { abortable } from '../../abortable.ts';
import type { AskedQuery } from '../../blocks/query-block.ts';
import type { Query, Shortlist } from '../../contract.ts';
import { QueryError } from '../../errors.ts';
import type { QueryState } from '../../readout/parameters.ts';
import type { EncoderWorkers } from './encoder-workers.ts';

/** @throws QueryError when the query holds no word that the model reads. */
export function assertReadable({ tokens }: QueryState, text: string): void {
  if (tokens.length > 0) return;
  throw new QueryError(
    `Cannot rerank for the query ${JSON.stringify(text.slice(0, 80))}: it holds no word that the model reads.`,
  );
}

/** The query as the workers are asked. */
export const toAsked = ({ text, instruction }: Query): AskedQuery => ({
  text,
  ...(instruction !== undefined && { instruction }),
});

/** Tokens of query and documents before caps cut any away. */
export async function countTokens(
  workers: EncoderWorkers,
  { query, candidates }: Shortlist,
  signal: AbortSignal | undefined,
): Promise<number> {
  const texts = candidates.map(({ text }) => text);
  const [asked, documents] = await Promise.all([
    workers.encodeQuery(toAsked(query), signal),
    abortable(workers.tokenise(texts, {}), signal),
  ]);
  return documents.reduce(
    (sum, { blocks, truncatedTokens }) =>
      sum + truncatedTokens + blocks.reduce((length, ids) => length + ids.length, 0),
    asked.blockTokens + asked.truncatedTokens,
  );
}
