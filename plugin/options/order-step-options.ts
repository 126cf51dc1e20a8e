/** Keys of the options of the steps after fusion, in the sections `stage` and `service`. */

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
