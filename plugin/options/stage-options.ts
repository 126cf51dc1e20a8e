/** Options of the rescoring stage: the section `stage`, the command line, `rescoringStage`. */

/** Keys of the sections `stage.cache`. */
export const stageCacheOptions = {
  maxEntries: { type: 'whole', min: 1, default: 1000, unit: 'lists', help: 'lists remembered at most' },
  ttlMs: {
    type: 'number',
    above: 0,
    default: 300_000,
    unit: 'milliseconds',
    help: "how long a list's order is remembered",
  },
} as const;

/** Keys of the sections `breaker`, of the stage and of the service's models. */
export const breakerOptions = {
  consecutiveFailures: {
    type: 'whole',
    min: 1,
    default: 5,
    unit: 'failures',
    help: 'failures in a row that open it',
  },
  halfOpenAfterMs: {
    type: 'number',
    above: 0,
    default: 5000,
    unit: 'milliseconds',
    help: 'how long it stays open',
  },
} as const;

/** Keys of the section `stage`. */
export const stageOptions = {
  rankWindowSize: {
    type: 'whole',
    min: 1,
    default: 100,
    unit: 'hits',
    help: 'how many leading hits are reranked',
  },
  topN: { type: 'whole', min: 1, otherwise: 'all', unit: 'hits', help: 'hits given back at most' },
  minScore: {
    type: 'number',
    min: 0,
    max: 1,
    otherwise: 'any',
    unit: 'calibrated score, 0 to 1',
    help: 'smallest calibrated score given back',
  },
  deadlineMs: {
    type: 'number',
    above: 0,
    otherwise: 'no limit',
    unit: 'milliseconds',
    help: 'time for search and reranking together',
    note: '`blockrank proxy` takes 10000 unless it is told another',
  },
  readingShare: {
    type: 'number',
    above: 0,
    max: 1,
    orFalse: true,
    default: 0.85,
    unit: 'share of the time left',
    help: 'time in which documents are read; what was read by then is ranked',
    note: '`false`: a list that cannot be read in time keeps its first-stage order',
  },
  onFailure: {
    type: 'choice',
    of: ['keep-first-stage', 'throw'],
    default: 'keep-first-stage',
    help: 'what happens when reranking fails',
  },
  explain: {
    type: 'switch',
    default: false,
    help: 'whether every hit gets an explanation',
    note: 'what the query looked at, by place in the text',
  },
  cache: {
    type: 'section',
    orFalse: true,
    otherwise: 'maxEntries 1000, ttlMs 300000',
    help: 'rankings remembered',
    note: '`maxEntries`, `ttlMs`',
  },
  breaker: {
    type: 'section',
    orFalse: true,
    otherwise: 'consecutiveFailures 5, halfOpenAfterMs 5000',
    help: 'leaves a failing reranker alone for a while',
    note: '`consecutiveFailures`, `halfOpenAfterMs`',
  },
  fusion: {
    type: 'number',
    min: 0,
    max: 1,
    orFalse: true,
    otherwise: "the model's, 0.2",
    help: "weight of the first stage's score, for lexical first stages",
  },
} as const;

/** Options of `rescoringStage` that no file can name. */
export const stageCodeOptions = {
  scoreSteps: {
    type: 'code',
    otherwise: '`[fusion()]`',
    help: 'change the ranking after the model, in this order',
    note: "also asynchronous; the default is fusion with a lexical first stage, the model's weight",
  },
  events: {
    type: 'code',
    otherwise: 'nobody',
    help: 'who is told what happens',
    note: '`prometheusStageMetrics`',
  },
  tracing: {
    type: 'code',
    otherwise: 'none',
    help: 'runs the parts of a search inside spans',
    note: '`openTelemetryStageTracing`',
  },
} as const;
