/** Logs rankings as lines of JSON, in the form of OpenSearch's User Behavior Insights (index `ubi_queries`). */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Answer } from './ask.ts';
import type { Caller } from './keys.ts';

/** A log of rankings. */
export interface QueryLog {
  /** Adds one line. @param queryId - The caller's own id of the query, from the header `x-query-id`. */
  write(answer: Answer, caller: Caller, queryId: string | undefined): void;
  /** Writes the remaining lines and closes the file. */
  close(): Promise<void>;
}

/** A log that writes nothing. */
export const noQueryLog: QueryLog = { write: () => {}, close: async () => {} };

/** Opens a log that appends to a file. @param onError - Called when a line cannot be written. */
export function queryLog(path: string, onError: (error: Error) => void): QueryLog {
  const file = createWriteStream(path, { flags: 'a' });
  file.on('error', onError);
  return {
    write(answer, caller, queryId) {
      if (!file.errored) file.write(`${JSON.stringify(toLine(answer, caller, queryId))}\n`);
    },
    async close() {
      file.end();
      await finished(file).catch(() => undefined);
    },
  };
}

function toLine(
  { ask, requestId, model, scores, cache }: Answer,
  { tenant }: Caller,
  queryId?: string,
): object {
  const ids = scores.map(({ index }) => ask.documents[index]?.id ?? String(index));
  return {
    timestamp: new Date().toISOString(),
    application: 'blockrank',
    client_id: tenant,
    query_id: queryId ?? requestId,
    user_query: ask.query,
    query_response_id: requestId,
    query_response_hit_ids: ids,
    object_id_field: '_id',
    query_attributes: { model, cache, documents: ask.documents.length },
  };
}
