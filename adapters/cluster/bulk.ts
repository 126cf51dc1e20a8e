/** Sends many writes in one call; the server answers each write by itself. */

import type { CallOptions } from './contract.ts';
import { isObject, type JsonObject } from './json.ts';
import { isBusyStatus } from './patience.ts';
import { type Cluster, refused } from './patient-calls.ts';
import type { ServerAnswer } from './server-calls.ts';

/** One write. */
export interface BulkOperation {
  /** What the write does. */
  readonly action: 'create' | 'index' | 'update' | 'delete';
  /** The document that is written, and the condition of the write. */
  readonly target: JsonObject;
  /** The content that is written; absent for `delete`. */
  readonly body?: JsonObject;
}

/** The outcome of one write: `conflict` when its condition did not hold, `gone` when its document does not exist. */
export type BulkOutcome = 'written' | 'conflict' | 'gone' | BulkFailure;

/** Why the server refused a write. */
export interface BulkFailure {
  /** The server's words. */
  readonly failed: string;
  /** The HTTP status of the refusal. */
  readonly statusCode: number;
}

/** Bytes of one call, about: far below what servers refuse, large enough to be worth a call. */
export const bulkBytes: number = 4 * 1024 * 1024;

/**
 * Sends all writes, in calls of about {@link bulkBytes}, and repeats the writes that a busy server turned away.
 *
 * @returns One outcome a write, in their order.
 * @throws FirstStageError when the server stays busy, or refuses a call as a whole.
 */
export async function bulk(
  cluster: Cluster,
  operations: readonly BulkOperation[],
  { signal }: CallOptions = {},
): Promise<readonly BulkOutcome[]> {
  const outcomes = new Array<BulkOutcome>(operations.length);
  for (const chunk of toChunks(operations.map(toLines))) {
    let pending = chunk;
    await cluster.patience(async () => {
      const answers = await sendOnce(cluster, pending, { signal });
      const busy = pending.filter(({ at }, i) => {
        const outcome = toOutcome(answers[i]!);
        if (outcome !== 'busy') outcomes[at] = outcome;
        return outcome === 'busy';
      });
      const turnedAway = answers.find(({ status }) => isBusyStatus(status));
      pending = busy;
      if (turnedAway) throw refused(cluster.server, `write ${busy.length} states`, turnedAway);
    }, signal);
  }
  return outcomes;
}

interface BulkLines {
  readonly at: number;
  readonly text: string;
}

function toLines({ action, target, body }: BulkOperation, at: number): BulkLines {
  const head = JSON.stringify({ [action]: target });
  return { at, text: body ? `${head}\n${JSON.stringify(body)}\n` : `${head}\n` };
}

function toChunks(lines: readonly BulkLines[]): BulkLines[][] {
  const chunks: BulkLines[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const line of lines) {
    bytes += line.text.length;
    if (bytes > bulkBytes) {
      chunks.push([]);
      bytes = line.text.length;
    }
    chunks.at(-1)!.push(line);
  }
  return chunks;
}

async function sendOnce(
  cluster: Cluster,
  lines: readonly BulkLines[],
  options: CallOptions,
): Promise<readonly ServerAnswer[]> {
  // The client sends bytes as they are, and anything else as one JSON value.
  const body = Buffer.from(lines.map(({ text }) => text).join(''));
  const answer = await cluster.askOnce(
    { method: 'POST', path: '/_bulk', body },
    { what: 'write states', ...options },
  );
  const { items } = answer.body;
  if (!Array.isArray(items) || items.length !== lines.length) {
    throw refused(cluster.server, 'read the answer to a bulk request', {
      status: answer.status,
      body: answer.body,
    });
  }
  return items.map((item: unknown): ServerAnswer => {
    const [only] = isObject(item) ? Object.values(item) : [];
    return {
      status: isObject(only) && typeof only['status'] === 'number' ? only['status'] : 500,
      body: only,
    };
  });
}

function toOutcome(answer: ServerAnswer): BulkOutcome | 'busy' {
  const { status } = answer;
  if (status < 400) return 'written';
  if (status === 409) return 'conflict';
  const type = errorType(answer.body);
  if (status === 404 && type !== 'index_not_found_exception') return 'gone';
  return isBusyStatus(status)
    ? 'busy'
    : { failed: `${type} (status ${status}): ${errorReason(answer.body)}`, statusCode: status };
}

/** The kind of an item's error; empty when it has none. */
export function errorType(item: unknown): string {
  const error = isObject(item) ? item['error'] : undefined;
  return isObject(error) && typeof error['type'] === 'string' ? error['type'] : '';
}

function errorReason(item: unknown): string {
  const error = isObject(item) ? item['error'] : undefined;
  return isObject(error) && typeof error['reason'] === 'string' ? error['reason'] : 'without a reason';
}
