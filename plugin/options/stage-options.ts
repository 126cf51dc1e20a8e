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

/** Keys of `stage.smoothing`. */
export const smoothingOptions = {
  edgeWeight: {
    type: 'number',
    min: 0,
    isRequired: true,
    help: 'weight of an edge of similarity 1, beside what model and first stage say, which weighs 1',
    note: '`blockrank smoothing` learns it',
  },
  firstStageWeight: {
    type: 'number',
    min: 0,
    max: 1,
    default: 0.2,
    help: 'the share of the first stage in what the two say, for lexical first stages',
  },
  neighbours: {
    type: 'whole',
    min: 1,
    default: 10,
    unit: 'documents',
    help: 'nearest documents of each one that it has edges to',
  },
  edges: {
    type: 'choice',
    of: ['embeddings', 'anchors'],
    default: 'embeddings',
    help: 'what tells that documents are alike: token averages, or what the model keeps of each document',
  },
  iterations: {
    type: 'whole',
    min: 0,
    default: 0,
    help: 'iterations of mean field; 0 is the exact solution',
  },
} as const;

/** Keys of `stage.duplicates`. */
export const duplicateOptions = {
  cosine: {
    type: 'number',
    above: 0,
    max: 1,
    default: 0.99,
    help: 'cosine of token averages from which two texts are near-duplicates',
  },
  placement: {
    type: 'choice',
    of: ['under', 'last'],
    default: 'under',
    help: 'where near-duplicates stand: under the one that is read in their place, or below all others',
  },
} as const;

/** Keys of the section `stage.passages`, and of a request's `passages`. */
export const passageOptions = {
  perHit: {
    type: 'whole',
    min: 1,
    default: 2,
    unit: 'passages',
    help: 'passages of one hit at most',
    note: 'with `maxTotalTokens` any number',
  },
  maxTokens: {
    type: 'whole',
    min: 1,
    default: 60,
    unit: 'tokens',
    help: 'tokens of one passage at most',
    note: 'a longer sentence is cut into windows, the heaviest first',
  },
  maxTotalTokens: {
    type: 'whole',
    min: 1,
    otherwise: 'no limit',
    unit: 'tokens',
    help: 'tokens of all passages of an answer at most',
  },
} as const;

/** Keys of the section `stage.secondSearch`, and of a call's `secondSearch`. */
export const secondSearchOptions = {
  k: {
    type: 'whole',
    min: 1,
    max: 10_000,
    default: 100,
    unit: 'hits',
    help: 'hits that the second search finds at most',
  },
  field: {
    type: 'text',
    otherwise: 'the vector of `index.states`',
    help: 'field that holds anchors of documents as vectors',
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
  languageGuard: {
    type: 'switch',
    default: true,
    help: "whether lists in a language that the model does not read keep the first stage's order",
    note: 'the reason is `language`',
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
  passages: {
    type: 'section',
    orFalse: true,
    default: false,
    help: 'whether every hit gets its best sentences',
    note: '`perHit`, `maxTokens`, `maxTotalTokens`',
  },
  secondSearch: {
    type: 'section',
    orFalse: true,
    default: false,
    help: "searches once more, by the query's anchor after it has read the hits, and ranks what is new with them",
    note: '`k`, `field`; described in docs/second-search.md',
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
  smoothing: {
    type: 'section',
    orFalse: true,
    otherwise: 'false',
    help: 'lets documents that are alike have scores that are alike, in place of fusion',
    note: '`edgeWeight`, `firstStageWeight`, `neighbours`, `edges`, `iterations`',
  },
  duplicates: {
    type: 'section',
    orFalse: true,
    otherwise: 'false',
    help: 'reads near-duplicates once, and puts them below the one that was read',
    note: '`cosine`, `placement`',
  },
  signals: {
    type: 'sections',
    otherwise: 'none',
    help: 'rules about fields that the model does not read: age, distance, price, stock, pins, caps',
    note: 'described in docs/signals.md',
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
