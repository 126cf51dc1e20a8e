/** Faults: the reasons why the service refuses a request. Each wire form has its own status and words for a fault. */

/** The kinds of faults. */
export type FaultKind =
  | 'invalid' // the body does not match the form
  | 'empty' // the list of documents is empty
  | 'too-large' // the body has too many bytes
  | 'too-many-documents'
  | 'too-many-tokens'
  | 'truncated' // a text would be cut and the caller refuses that
  | 'unauthorized'
  | 'forbidden' // the key may not use this model
  | 'unknown-model'
  | 'not-found'
  | 'method'
  | 'media-type'
  | 'tenant-limit' // this caller exceeds its limits
  | 'overloaded' // all callers together exceed the service's limits
  | 'deadline'
  | 'not-ready'
  | 'aborted' // the caller went away
  | 'backend'; // the reranker failed

/** Thrown on the way of a request; the wire form turns it into an answer. The message never quotes query or documents. */
export class ServiceFault extends Error {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'ServiceFault' as const;
  /** The kind of fault. */
  readonly kind: FaultKind;
  /** Time after which another try makes sense, in seconds; absent when waiting alone does not help. */
  readonly retryAfterS?: number;

  constructor(kind: FaultKind, message: string, options: { retryAfterS?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    if (options.retryAfterS !== undefined) this.retryAfterS = options.retryAfterS;
  }
}

/** The fault for a body of more bytes than the service accepts. */
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
