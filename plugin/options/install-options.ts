/** Options of `install`, `status` and `uninstall`. */

/** Options by the name of their value. */
export const installOptions = {
  name: { type: 'text', default: 'blockrank', help: 'name of everything that is made' },
  service: { type: 'text', isRequired: true, help: 'address of the reranking service' },
  serviceKey: { type: 'text', otherwise: 'none', help: "the service's key" },
  serviceModel: { type: 'text', otherwise: 'its own', help: "the service's model" },
  query: { type: 'text', default: 'what is this about', help: 'words for the test query' },
  dryRun: {
    type: 'switch',
    default: false,
    help: 'print the exact requests, secrets masked, and send none that changes anything',
  },
  force: {
    type: 'switch',
    default: false,
    help: 'do it even where something depends on what is replaced or removed',
  },
  index: {
    type: 'text',
    otherwise: 'none',
    help: 'index that is searched for the test, and for --default-pipeline',
  },
  defaultPipeline: {
    type: 'switch',
    default: false,
    help: 'every search of --index goes through the pipeline (warns; another default is replaced with --force alone)',
  },
  window: {
    type: 'whole',
    min: 10,
    default: 100,
    unit: 'hits',
    help: 'hits reranked for a page of 10',
  },
  fail: {
    type: 'switch',
    default: false,
    help: 'searches fail when the reranker does; otherwise they keep the first order',
  },
  readTimeout: {
    type: 'whole',
    min: 1,
    default: 10,
    unit: 'seconds',
    help: 'longest wait for the service',
  },
  reader: {
    type: 'choice',
    of: ['cohere', 'lenient'],
    default: 'cohere',
    help: "who reads the service's answer",
    note: '`lenient` reads the answers of services that write whole numbers',
  },
  modelGroup: {
    type: 'text',
    otherwise: 'none',
    help: 'model group of yours',
    note: 'where access to models is controlled',
  },
  setClusterSettings: {
    type: 'switch',
    default: false,
    help: 'add what is missing to the cluster settings; entries of others stay',
  },
  inference: {
    type: 'choice',
    of: ['custom', 'hugging_face'],
    default: 'custom',
    help: 'how Elasticsearch speaks to the service',
  },
} as const;
