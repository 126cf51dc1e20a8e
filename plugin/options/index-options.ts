/** Options of the searched indices: the section `index`, and the same on the command line. */

/** Keys of the section `index`. */
export const indexOptions = {
  name: {
    type: 'text',
    isRequired: true,
    help: 'index, alias, data stream, or several joined by commas',
  },
  textFields: {
    type: 'list',
    isRequired: true,
    help: 'fields that the model reads, in this order',
  },
  queryFields: {
    type: 'list',
    otherwise: '`textFields`',
    help: "what the CLI's own query searches",
    note: 'boosts as in `title^2`',
  },
  separator: {
    type: 'text',
    mayBeEmpty: true,
    default: ' ',
    help: 'what stands between two fields that have text',
  },
  highlight: {
    type: 'switch',
    default: false,
    help: "whether a field's text is its highlight fragments, where a hit has some",
  },
  maxResultWindow: {
    type: 'whole',
    min: 1,
    default: 10_000,
    unit: 'hits',
    help: 'smallest `index.max_result_window` of these indices: no window is fetched beyond it',
  },
  signals: {
    type: 'list',
    mayBeEmpty: true,
    otherwise: 'none',
    help: 'fields that score steps look at and the model does not read',
    note: 'fetched with the hits',
  },
  fieldsApart: {
    type: 'list',
    mayBeEmpty: true,
    otherwise: 'none: `textFields` are one text',
    help: 'fields that are scored by themselves, of which the best counts',
    note: '`title^2` counts twice, `reviews[]` scores each value, `{ name, weight, each }` says the same',
  },
  states: {
    type: 'section',
    otherwise: 'none are asked for',
    help: 'where the block states of the documents lie',
  },
} as const;

/** Keys of the section `index.states`. */
export const statesOptions = {
  sidecar: { type: 'text', otherwise: 'none', help: 'in an index beside each index: the generation' },
  field: { type: 'text', otherwise: 'none', help: 'in the documents: the object that holds them' },
  vector: { type: 'switch', default: false, help: 'with `field`: whether they are kept as vectors' },
  vectorField: {
    type: 'text',
    otherwise: 'none',
    help: "a vector field of one's own, of the model that reranks",
    note: 'it is trusted',
  },
  codec: {
    type: 'text',
    default: 'anchor-fp16',
    help: 'the codec that they were built with',
    note: "the reranker's `tier` and `stateCodec` follow it unless they are given",
  },
} as const;
