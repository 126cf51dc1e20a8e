/** Errors of the proxy itself, in the servers' own shape, so that their clients can read them. */
import type { ServerResponse } from 'node:http';
import type { BlockRankError, DeadlineExceededError } from '../../engine/index.ts';

/** A failure that the caller gets as an answer with a status. */
export class ProxyError extends Error {
  /** HTTP status of the answer. */
  readonly status: number;
  /** The error's type in the answer. */
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

/** The body of an error, in the shape of both servers. */
export function errorBody({ status, type, message }: ProxyError): string {
  const cause = { type, reason: message };
  return JSON.stringify({ error: { root_cause: [cause], ...cause }, status });
}

/** Answers with an error; when a part of an answer was sent already, cuts the connection. */
export function sendError(response: ServerResponse, error: ProxyError): void {
  if (response.headersSent) {
    response.destroy(error);
    return;
  }
  const body = errorBody(error);
  // The connection closes: the request's body may still be unread, so nothing else can follow on it.
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

/** The error when all slots are taken. */
export function overloaded(): ProxyError {
  return new ProxyError(
    { status: 429, type: 'rejected_execution_exception' },
    'As many searches are being reranked as may be at once. Try again later, raise maxConcurrent, or add proxies.',
  );
}

/** The error when a search's time ran out. */
export function timedOut({ message }: DeadlineExceededError): ProxyError {
  return new ProxyError({ status: 504, type: 'timeout_exception' }, message);
}

/** The error when reranking failed and the operator wants an error then. */
export function rerankFailed(error: unknown): ProxyError {
  const { code = 'other', message } = error as Partial<BlockRankError>;
  const reason = `Reranking failed (${code}): ${message ?? String(error)}`;
  return new ProxyError({ status: 500, type: 'rerank_exception' }, reason, { cause: error });
}
