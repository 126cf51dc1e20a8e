/** Options of the HTTP service: the section `service`, and the options of `blockrank serve`. */

/** Keys of the section `service.cache`. */
export const serviceCacheOptions = {
  maxEntries: { type: 'whole', min: 1, default: 10_000, unit: 'answers', help: 'answers remembered at most' },
  maxCandidates: {
    type: 'whole',
    min: 1,
    default: 500_000,
    unit: 'candidates',
    help: 'candidates in all of them together at most',
    note: 'each takes about 200 bytes; an explanation counts one for each place that it names',
  },
  ttlMs: {
    type: 'number',
    above: 0,
    default: 300_000,
    unit: 'milliseconds',
    help: 'how long an answer is remembered',
  },
} as const;

/** Keys of the section `service.log`. */
export const serviceLogOptions = {
  level: {
    type: 'choice',
    of: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    help: 'least level that is written',
  },
  texts: {
    type: 'switch',
    default: false,
    help: 'whether queries and documents may stand in log lines',
  },
} as const;

/** Keys of the section `service`. */
export const serviceOptions = {
  host: { type: 'text', default: '127.0.0.1', help: 'address to listen on' },
  port: { type: 'whole', min: 0, max: 65_535, default: 8080, help: 'port to listen on; 0 for any free one' },
  tls: {
    type: 'section',
    otherwise: 'none',
    help: "encryption of the service's own listener",
    note: '`cert`, `key`, `passphrase`, `clientCa` (clients must show a certificate)',
  },
  keys: {
    type: 'section',
    otherwise: 'everybody who can reach the port',
    help: 'who may ask',
    note: '`tenant`, `key` or `sha256`, `models`, `requestsPerMinute` (all routes), `maxConcurrent`',
  },
  models: {
    type: 'section',
    otherwise: '`blockrank`, by the section `reranker`',
    help: 'models by name; the first answers requests that name none',
    note: '`residual` or `chain`, `aliases`, `breaker`, `shadow`',
  },
  corsOrigins: {
    type: 'list',
    mayBeEmpty: true,
    otherwise: 'none',
    help: 'origins whose pages may ask from a browser',
  },
  maxBodyBytes: {
    type: 'whole',
    min: 1,
    default: 10_485_760,
    unit: 'bytes',
    help: 'bytes of one request, unpacked',
    note: '413 above',
  },
  maxHeldBytes: {
    type: 'whole',
    min: 1,
    default: 268_435_456,
    otherwise: '`maxBodyBytes` where that is more',
    unit: 'bytes',
    help: 'bytes of all requests in hand together, unpacked',
    note: '503 above',
  },
  maxDocuments: {
    type: 'whole',
    min: 1,
    max: 100_000,
    default: 1000,
    unit: 'documents',
    help: 'documents of one request',
    note: '400, TEI 413, above',
  },
  maxTokens: {
    type: 'whole',
    min: 1,
    otherwise: 'no limit',
    unit: 'tokens',
    help: 'tokens of one request before caps cut any away',
    note: '400, Jina 422, TEI 413, above',
  },
  maxConcurrent: {
    type: 'whole',
    min: 1,
    default: 8,
    unit: 'requests',
    help: 'requests that are ranked at once',
  },
  maxQueue: {
    type: 'whole',
    min: 0,
    default: 256,
    unit: 'requests',
    help: 'requests that wait for their turn',
    note: '503 (TEI 429) above, with `Retry-After`',
  },
  deadlineMs: {
    type: 'number',
    above: 0,
    default: 30_000,
    unit: 'milliseconds',
    help: "longest time of one request; a request's own deadline may be shorter",
    note: '503 after it',
  },
  readingShare: {
    type: 'number',
    above: 0,
    max: 1,
    orFalse: true,
    default: 0.85,
    unit: 'share of the time left',
    help: 'time in which documents are read; what was read by then is ranked',
    note: '`false`: a list that cannot be read in time gets a 503',
  },
  signals: {
    type: 'sections',
    otherwise: 'none',
    help: 'rules about fields that the model does not read: age, distance, price, stock, pins, caps',
    note: 'described in docs/signals.md; documents of the native form bring the fields',
  },
  diversify: {
    type: 'section',
    orFalse: true,
    otherwise: 'false',
    help: 'lets the first ranks hold documents that differ',
    note: '`lambda`, `field`, `by`, `ranks`',
  },
  orderLimits: {
    type: 'section',
    orFalse: true,
    otherwise: 'false',
    help: 'how far hits may be pushed down that the first stage was right to put first',
    note: '`promoteOnly`, `maxDemotion`, `leaderGap`, `identifiers`, `identifierFields`, `identifierHits`',
  },
  languageGuard: {
    type: 'switch',
    default: true,
    help: "whether lists in a language that the model does not read keep the request's order",
    note: 'every form: `x-blockrank-reranked: false`; the native one names the reason `language`',
  },
  receiveTimeoutMs: {
    type: 'number',
    above: 0,
    default: 30_000,
    unit: 'milliseconds',
    help: "time for a request's headers and body to arrive",
    note: '408 after it',
  },
  sendTimeoutMs: {
    type: 'number',
    above: 0,
    default: 30_000,
    unit: 'milliseconds',
    help: 'time in which a caller has to read something of its answer',
    note: 'then it is cut off',
  },
  drainMs: {
    type: 'number',
    min: 0,
    default: 25_000,
    unit: 'milliseconds',
    help: 'time that requests in hand get when the service is asked to end',
  },
  drainDelayMs: {
    type: 'number',
    min: 0,
    default: 0,
    unit: 'milliseconds',
    help: 'how long the service says that it is not ready before it stops listening',
  },
  cache: {
    type: 'section',
    orFalse: true,
    otherwise: 'maxEntries 10000, maxCandidates 500000, ttlMs 300000',
    help: 'answers remembered',
    note: '`maxEntries`, `maxCandidates`, `ttlMs`',
  },
  log: {
    type: 'section',
    otherwise: 'level `info`, without texts',
    help: 'log lines',
    note: '`level`, `texts`',
  },
  queryLog: {
    type: 'text',
    otherwise: 'none',
    help: "file that gets one line of JSON for every ranking, in the form of OpenSearch's User Behavior Insights",
  },
} as const;

/** Keys of the section `service.tls`. */
export const serviceTlsOptions = {
  cert: { type: 'text', isRequired: true, help: 'file with the certificate chain (PEM)' },
  key: { type: 'text', isRequired: true, help: 'file with the private key (PEM)' },
  passphrase: {
    type: 'text',
    mayBeEmpty: true,
    otherwise: 'none',
    help: 'what the private key is encrypted with',
  },
  clientCa: {
    type: 'text',
    otherwise: 'clients show none',
    help: 'file with certificates (PEM); clients must show one that they signed',
  },
} as const;

/** Keys of an entry of `service.keys`. */
export const serviceKeyOptions = {
  tenant: {
    type: 'text',
    isRequired: true,
    help: 'who it is: names limits, cache entries, log lines',
    note: 'several keys may name one tenant',
  },
  key: {
    type: 'text',
    otherwise: 'none',
    help: 'the key itself; best written as `${NAME}`',
    note: 'hashed as soon as it is read',
  },
  sha256: {
    type: 'text',
    otherwise: 'none',
    help: 'SHA-256 of the key, hexadecimal, as `blockrank key` prints it',
  },
  models: { type: 'list', otherwise: 'all', help: 'models that this tenant may ask for' },
  requestsPerMinute: {
    type: 'whole',
    min: 1,
    otherwise: 'no limit',
    unit: 'requests a minute',
    help: 'requests a minute',
  },
  maxConcurrent: {
    type: 'whole',
    min: 1,
    otherwise: 'no limit',
    unit: 'requests',
    help: 'requests in hand at once, queued ones among them',
  },
} as const;

/** Keys of `remote` in a model's chain, and of `remoteReranker`. */
export const remoteOptions = {
  api: {
    type: 'choice',
    of: ['cohere', 'jina', 'voyage', 'tei'],
    isRequired: true,
    help: 'which wire form the service speaks',
  },
  url: {
    type: 'text',
    isRequired: true,
    help: "the endpoint's whole address",
  },
  apiKey: { type: 'text', otherwise: 'none', help: 'sent as `Authorization: Bearer …`' },
  model: { type: 'text', otherwise: 'left out', help: "the service's name of the model" },
  name: { type: 'text', otherwise: 'the wire form and the host', help: 'name in logs and metrics' },
  maxDocuments: {
    type: 'whole',
    min: 1,
    default: 1000,
    otherwise: '32 for `tei`',
    unit: 'documents',
    help: 'documents of one call',
  },
  timeoutMs: {
    type: 'number',
    above: 0,
    default: 10_000,
    unit: 'milliseconds',
    help: 'time for one attempt',
  },
  retries: {
    type: 'whole',
    min: 0,
    default: 1,
    unit: 'attempts',
    help: 'further attempts after a transient failure',
  },
} as const;
