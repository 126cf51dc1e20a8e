/** Options of `blockrank hierarchy`. */

/** Options that name a taxonomy. */
export const taxonomyOptions = {
  taxonomy: { type: 'text', help: 'lines of child and parent with a tab between them, by name' },
  data: { type: 'text', help: 'collection with hierarchy.tsv, whose documents are the categories' },
  root: { type: 'text', help: 'only this category and what is below it' },
} as const;

/** Options of training. */
export const hierarchyTrainOptions = {
  withText: { type: 'switch', help: "with --data: read a category's text beside its title" },
  log: { type: 'text', help: 'lines of query and category with a tab between them' },
  output: { type: 'text', isRequired: true, help: 'where the hierarchy is written' },
  towers: {
    type: 'choice',
    of: ['text', 'text-queries', 'lookup'],
    default: 'text',
    help: 'what vectors are made from: words and their parts; those for queries alone, and a row a category; a row each',
  },
  width: { type: 'whole', min: 1, default: 32, help: 'values a vector' },
  buckets: { type: 'whole', min: 1, default: 16_384, help: 'text: rows of a table of hashed words' },
  steps: { type: 'whole', min: 1, default: 3000, help: 'steps of the first training' },
  batch: { type: 'whole', min: 2, default: 256, help: 'pairs a step' },
  temperature: {
    type: 'number',
    above: 0,
    default: 20,
    help: 'what products are divided by in the softmax',
  },
  rate: {
    type: 'number',
    above: 0,
    default: 0.05,
    help: 'learning rate at the start; it falls to 0',
  },
  mask: { type: 'switch', help: 'teach known matches of a query as wrong ones, as the paper does' },
  farShare: {
    type: 'number',
    min: 0,
    max: 1,
    default: 0,
    help: 'share of the pairs that are drawn from far ones alone',
  },
  far: { type: 'whole', min: 1, default: 3, help: 'steps from which a pair is far' },
  finetune: { type: 'switch', help: 'train again, on far pairs, stopped early' },
  finetuneFrom: {
    type: 'whole',
    min: 0,
    otherwise: '--far',
    help: 'steps from which pairs are trained again',
  },
  finetuneSteps: { type: 'whole', min: 1, default: 800, help: 'steps of the second training at most' },
  finetuneTemperature: {
    type: 'number',
    above: 0,
    default: 500,
    help: 'what products are divided by in the second training',
  },
  finetuneRate: { type: 'number', above: 0, default: 0.005, help: 'learning rate of the second training' },
  finetuneKeep: {
    type: 'number',
    min: 0,
    max: 1,
    default: 0.9,
    help: 'share of the recall at distance 0 that must be left of it',
  },
  optimiser: {
    type: 'choice',
    of: ['adamw', 'one-sided-shampoo'],
    default: 'adamw',
    help: 'what turns gradients into steps',
  },
  heldOut: {
    type: 'number',
    min: 0,
    max: 0.5,
    default: 0.1,
    help: 'share of the queries that is not trained, and reported apart; none with lookup',
  },
} as const;

/** Options of reports. */
export const hierarchyReportOptions = {
  withText: { type: 'switch', help: "with --data: a category's words are its title and text" },
  distances: {
    type: 'text',
    help: 'table of query-id, corpus-id and distance in place of a taxonomy; for runs alone',
  },
  run: { type: 'text', help: 'TREC runs' },
  hierarchy: { type: 'text', help: 'what "hierarchy train" wrote' },
  candidates: {
    type: 'text',
    help: 'first stages: embedded (BM25 over the words of the categories) or, with --data, the NAME of a candidates-NAME.tsv',
  },
  encoder: {
    type: 'text',
    help: 'models whose query anchors search the anchors of the categories; default is that of the package',
  },
  own: { type: 'switch', help: 'a category need not find itself, and is taken out of its order' },
  cutoff: {
    type: 'whole',
    min: 1,
    otherwise: 'as many as the query is to find',
    help: 'places of an order that count',
  },
  queries: {
    type: 'whole',
    min: 1,
    default: 2000,
    help: 'queries that are asked here at most, drawn by a fixed seed; a run is measured whole',
  },
  svg: { type: 'text', help: 'write a chart' },
} as const;
