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

/** Keys of each signal of `stage.signals`. */
export const signalOptions = {
  function: {
    type: 'choice',
    of: ['decay', 'log', 'saturation', 'factor', 'pin', 'cap'],
    isRequired: true,
    help: 'what is done with the field: a score between -1 and 1 from its value, or a place for the hit',
  },
  field: {
    type: 'text',
    otherwise: 'none; `pin` may name `ids` instead',
    help: 'the field, by its dotted path',
    note: 'fetched with the hits',
  },
  name: { type: 'text', otherwise: 'the field', help: 'what its part of the score is called' },
  mode: {
    type: 'choice',
    of: ['add', 'multiply'],
    default: 'add',
    help: 'whether a score is added to the z-score of the ranking, or multiplies the calibrated score; the same in all signals',
  },
  weight: {
    type: 'number',
    otherwise: 'none',
    help: "the most that the signal moves a hit: in deviations of the list's scores, or as a share of the calibrated score",
    note: 'below 0 a high score moves it down; required for `decay`, `log`, `saturation`, `factor`; a share lies between -1 and 1, exclusive',
  },
  missing: {
    type: 'number',
    min: -1,
    max: 1,
    default: 0,
    help: 'score of a hit without a value that the function can read, -1 to 1',
  },
  shape: {
    type: 'choice',
    of: ['gauss', 'exp', 'linear'],
    default: 'gauss',
    help: '`decay`: how it falls with the distance',
  },
  origin: {
    type: 'quantity',
    otherwise: '`now`',
    help: '`decay`: where the score is 1: a number, a date, `now`, or a point "latitude,longitude"',
  },
  scale: {
    type: 'quantity',
    otherwise: 'none',
    help: '`decay`: distance at which it has fallen to `decay`: a number, a time such as 30d, or a distance such as 10km',
    note: 'times: d, h, m, s, ms; distances: km, m, mi; required for `decay`',
  },
  offset: {
    type: 'quantity',
    default: 0,
    help: '`decay`: distance up to which it does not fall',
  },
  decay: {
    type: 'number',
    above: 0,
    default: 0.5,
    help: '`decay`: score at `scale`, above 0, below 1',
  },
  max: {
    type: 'number',
    above: 0,
    otherwise: 'none',
    help: '`log`: value whose score is 1, above 0',
    note: 'required for `log`',
  },
  pivot: {
    type: 'number',
    above: 0,
    otherwise: 'none',
    help: '`saturation`: value whose score is 1/2, above 0',
    note: 'required for `saturation`',
  },
  factors: {
    type: 'section',
    otherwise: 'none',
    help: '`factor`: scores by value, -1 to 1 each; `true` and `false` are values too',
    note: 'required for `factor`',
  },
  otherwise: {
    type: 'number',
    min: -1,
    max: 1,
    default: 0,
    help: '`factor`: score of a value that is not named, -1 to 1',
  },
  values: {
    type: 'list',
    otherwise: 'none',
    help: '`pin`: values whose hits come first, in this order',
  },
  ids: { type: 'list', otherwise: 'none', help: '`pin`: ids of hits that come first, in this order' },
  atMost: {
    type: 'whole',
    min: 1,
    otherwise: 'none',
    unit: 'hits',
    help: '`cap`: most hits of one value, at least 1',
    note: 'required for `cap`',
  },
  within: {
    type: 'whole',
    min: 1,
    default: 10,
    unit: 'ranks',
    help: '`cap`: how many leading ranks that holds for, at least 1',
  },
} as const;

/** Keys of `stage.diversify`. */
export const diversityOptions = {
  lambda: {
    type: 'number',
    min: 0,
    max: 1,
    isRequired: true,
    help: "weight of the ranking's own order beside the likeness of documents, 0 to 1; 1 leaves the order alone",
  },
  field: {
    type: 'text',
    otherwise: 'none',
    help: 'a field whose values tell that hits are alike, in place of their texts',
    note: 'fetched with the hits',
  },
  by: {
    type: 'choice',
    of: ['embeddings', 'anchors'],
    default: 'embeddings',
    help: 'what tells that documents are alike: token averages, or what the model keeps of each document',
  },
  ranks: {
    type: 'whole',
    min: 1,
    default: 10,
    unit: 'ranks',
    help: 'how many leading ranks are chosen anew, at least 1',
  },
} as const;

/** Keys of `stage.orderLimits`. */
export const orderLimitOptions = {
  promoteOnly: {
    type: 'switch',
    default: false,
    help: 'whether a protected hit never comes below its first-stage rank, as with `maxDemotion` 0',
  },
  maxDemotion: {
    type: 'whole',
    min: 0,
    otherwise: 'none',
    unit: 'ranks',
    help: 'ranks that a protected hit may come below its first-stage rank, at least 0',
  },
  leaderGap: {
    type: 'number',
    above: 0,
    orFalse: true,
    default: 2,
    unit: 'deviations',
    help: "distance to the second hit, in deviations of the first stage's scores, from which its first hit is protected, above 0",
    note: '`false`: never',
  },
  identifiers: {
    type: 'switch',
    default: true,
    help: 'whether hits are protected that hold a code or a quoted phrase of the query, in their text or in `identifierFields`',
  },
  identifierFields: {
    type: 'list',
    otherwise: 'none',
    help: 'fields that identifiers are looked for in, beside the text',
    note: 'fetched with the hits',
  },
  identifierHits: {
    type: 'whole',
    min: 1,
    default: 5,
    unit: 'hits',
    help: 'hits that may hold one identifier: one that more hold protects none of them, at least 1',
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
