/** What the service tells a caller whose request it does not answer. Each wire form has its own status and words for it. */

/** Why a request is not answered. */
export type FaultKind =
  | 'invalid' // the body is not what the form says
  | 'empty' // the list of documents
  | 'too-large' // bytes
  | 'too-many-documents'
  | 'too-many-tokens'
  | 'truncated' // the caller asked for no truncation
  | 'unauthorized'
  | 'forbidden' // the key may not use this model
  | 'unknown-model'
  | 'not-found'
  | 'method'
  | 'media-type'
  | 'tenant-limit' // this caller asks too much
  | 'overloaded' // everybody together asks too much
  | 'deadline'
  | 'not-ready'
  | 'aborted' // the caller went away
  | 'backend'; // the reranker failed

/** Thrown on the way of a request; the wire form turns it into an answer. The message never quotes query or documents. */
export class ServiceFault extends Error {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'ServiceFault' as const;
  /** Why. */
  readonly kind: FaultKind;
  /** When another try makes sense, in seconds; absent when it does not by itself. */
  readonly retryAfterS?: number;

  constructor(kind: FaultKind, message: string, options: { retryAfterS?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    if (options.retryAfterS !== undefined) this.retryAfterS = options.retryAfterS;
  }
}

/** A body of more bytes than are accepted. */
export function tooLarge(): ServiceFault {
  return new ServiceFault(
    'too-large',
    'The request is larger than the service accepts. Send fewer documents.',
  );
}

/** HTTP status of each kind, where a wire form has none of its own. */
export const faultStatus: Readonly<Record<FaultKind, number>> = {
  invalid: 400,
  empty: 400,
  'too-large': 413,
  'too-many-documents': 400,
  'too-many-tokens': 400,
  truncated: 400,
  unauthorized: 401,
  forbidden: 403,
  'unknown-model': 404,
  'not-found': 404,
  method: 405,
  'media-type': 415,
  'tenant-limit': 429,
  overloaded: 503,
  deadline: 503,
  'not-ready': 503,
  aborted: 499,
  backend: 500,
};
