/** Options of `blockrank states`. */

/** Options that name an index and the place of its states. */
export const placeOptions = {
  index: { type: 'text', isRequired: true, help: 'index, alias, data stream or pattern' },
  to: {
    type: 'choice',
    of: ['sidecar', 'field'],
    default: 'sidecar',
    help: 'an index beside each index, or the documents themselves',
  },
  generation: { type: 'text', otherwise: 'one a model and form', help: 'sidecar: which generation' },
  stateField: { type: 'text', default: 'blockrank_state', help: 'field: object that holds a state' },
  vector: {
    type: 'switch',
    default: false,
    help: 'field: keep the anchor as a vector too, which the server searches by',
  },
} as const;

/** Options that name texts and the form of their states. */
export const stateTextOptions = {
  separator: { type: 'text', default: ' ', help: 'what stands between two fields that have text' },
  template: { type: 'text', otherwise: 'none', help: 'text with fields in braces, in place of --field' },
  codec: {
    type: 'text',
    otherwise: 'half precision of the tier',
    help: 'form of states, e.g. anchor-int8',
  },
} as const;

/** Options of building and watching. */
export const buildOptions = {
  slices: {
    type: 'whole',
    min: 1,
    default: 16,
    unit: 'slices',
    help: 'slices that workers share',
    note: 'about so many for all processes together',
  },
  workers: {
    type: 'whole',
    min: 1,
    default: 2,
    unit: 'slices',
    help: 'slices worked on at once by this process',
  },
  docsPerSecond: {
    type: 'whole',
    min: 1,
    otherwise: 'no bound',
    unit: 'documents a second',
    help: 'documents encoded a second at most',
    note: 'by this process',
  },
  batch: { type: 'whole', min: 1, default: 64, unit: 'documents', help: 'documents of one batch at most' },
  dryRun: { type: 'switch', default: false, help: 'print what a build would take, and change nothing' },
  estimate: { type: 'switch', default: true, help: 'begin without encoding a sample first' },
} as const;

/** Options of watching alone. */
export const watchOptions = {
  interval: { type: 'whole', min: 1, default: 5, unit: 'seconds', help: 'time between two rounds' },
  sweep: {
    type: 'whole',
    min: 1,
    default: 300,
    unit: 'seconds',
    help: 'sidecar: time between two looks for deleted documents',
  },
} as const;
