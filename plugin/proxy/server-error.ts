/** Errors of the proxy itself, in the servers' own shape, so that their clients can read them. */
import type { ServerResponse } from 'node:http';
import type { BlockRankError, DeadlineExceededError } from '../../engine/index.ts';

/** A failure that the caller is told with a status. */
export class ProxyError extends Error {
  /** HTTP status of the answer. */
  readonly status: number;
  /** What the answer names as the error's type. */
  readonly type: string;

  constructor(
    { status, type }: { readonly status: number; readonly type: string },
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = status;
    this.type = type;
  }
}

/** The body that both servers give an error. */
export function errorBody({ status, type, message }: ProxyError): string {
  const cause = { type, reason: message };
  return JSON.stringify({ error: { root_cause: [cause], ...cause }, status });
}

/** Tells the caller an error; when part of an answer is out already, cuts it off. */
export function sendError(response: ServerResponse, error: ProxyError): void {
  if (response.headersSent) {
    response.destroy(error);
    return;
  }
  const body = errorBody(error);
  // The request's body may not have been read: nothing else can follow on this connection.
  response.writeHead(error.status, [
    'Content-Type',
    'application/json; charset=UTF-8',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Connection',
    'close',
  ]);
  response.end(body);
}

/** As many searches are being reranked as may be at once. */
export function overloaded(): ProxyError {
  return new ProxyError(
    { status: 429, type: 'rejected_execution_exception' },
    'As many searches are being reranked as may be at once. Try again later, raise maxConcurrent, or add proxies.',
  );
}

/** The search's time ran out. */
export function timedOut({ message }: DeadlineExceededError): ProxyError {
  return new ProxyError({ status: 504, type: 'timeout_exception' }, message);
}

/** Reranking failed, and the operator wants to hear of it. */
export function rerankFailed(error: unknown): ProxyError {
  const { code = 'other', message } = error as Partial<BlockRankError>;
  const reason = `Reranking failed (${code}): ${message ?? String(error)}`;
  return new ProxyError({ status: 500, type: 'rerank_exception' }, reason, { cause: error });
}
