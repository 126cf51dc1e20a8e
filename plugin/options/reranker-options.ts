/** Options of a reranker: the section `reranker`, the model's options of the command line, `openReranker`. */

/** Keys of the section `reranker`. */
export const rerankerOptions = {
  model: { type: 'text', otherwise: 'the model that comes with the package', help: 'model folder' },
  precision: {
    type: 'choice',
    of: ['fp32', 'int8', 'fp16'],
    default: 'fp32',
    otherwise: 'fp16 on a GPU that has it',
    help: 'how matrices are multiplied',
    note: '`int8` (encoders on the processor) is smaller and mostly faster; `fp16` is what a GPU is fast at, and what a processor is given to read states that were made on one',
  },
  queryPrecision: {
    type: 'choice',
    of: ['fp32', 'int8'],
    otherwise: 'as `precision`; fp32 beside a GPU',
    help: 'encoders: how matrices are multiplied for queries',
    note: '`int8` over documents of `fp32` is faster where documents are known and the processor has VNNI, and leaves every kept block state as it is',
  },
  device: {
    type: 'choice',
    of: ['auto', 'cpu', 'webgpu', 'cuda'],
    default: 'cpu',
    help: 'where the model runs',
    note: 'a device that is named and cannot be opened is an error',
  },
  batchTokens: {
    type: 'whole',
    min: 1,
    default: 384,
    otherwise: 'for decoders lists of 4096, batches of 768; 8192 for encoders on a GPU',
    unit: 'tokens',
    help: 'tokens encoded in one run',
    note: 'bounds how long a worker cannot be interrupted',
  },
  memoryLimitBytes: {
    type: 'whole',
    min: 1,
    otherwise: 'four fifths of what is free',
    unit: 'bytes',
    help: 'decoders: bytes that one shortlist may take',
    note: 'a larger one is refused before it is run',
  },
  deviceMemoryLimitBytes: {
    type: 'whole',
    min: 1,
    otherwise: "nine tenths of the card's, where nvidia-smi tells it",
    unit: 'bytes',
    help: 'decoders on a GPU: bytes of its memory that weights and one shortlist may take',
    note: 'a larger one goes in batches, or is refused before it is run',
  },
  tier: {
    type: 'choice',
    of: ['tokens', 'anchor'],
    default: 'tokens',
    help: 'read every token, or one vector a block',
  },
  depth: {
    type: 'whole',
    min: 1,
    otherwise: "all of the model's layers",
    unit: 'layers',
    help: "encoders: how much is computed, in layers' work, one of the depths that the model has weights for",
    note: 'smaller ones are faster, and somewhat less good',
  },
  loops: {
    type: 'whole',
    min: 1,
    otherwise: 'as often as in training',
    unit: 'loops',
    help: 'encoders whose layers loop: how often the looped block is applied',
    note: 'quality is known for the loops of training alone',
  },
  dropping: {
    type: 'section',
    otherwise: 'every document is read whole',
    help: 'encoders on the processor: documents that a smaller depth puts low are not read',
    note: '`keep`, `depth`, `minKeep`, `maxKeep`; a call with a deadline drops only where it has twice the time that the list needs; `docs/cost.md` says what it saves and costs',
  },
  stopping: {
    type: 'section',
    otherwise: 'every document is read',
    help: 'encoders: documents are read in first-stage order until the others would hardly reach the page',
    note: '`page`, `risk`; `docs/cost.md` says what it saves and costs',
  },
  residual: {
    type: 'text',
    otherwise: "the one that the model's manifest names, mostly none",
    help: 'encoders: learned sums trained over this model, for one tenant or domain',
    note: "a name, looked up in the folder `residuals` of the model's folder, or the path of a `.safetensors` file",
  },
  workers: {
    type: 'whole',
    min: 1,
    otherwise: 'the processors at hand; 1 for decoders',
    help: 'worker threads',
  },
  threads: {
    type: 'whole',
    min: 1,
    default: 1,
    otherwise: 'the processors at hand for decoders',
    help: 'threads of one run inside a worker',
  },
  queryThreads: {
    type: 'whole',
    min: 1,
    otherwise: 'the workers, at most 4',
    help: 'encoders: threads that read a query',
    note: 'more than 1 take a thread of their own beside the workers, with one more copy of the weights',
  },
  maxDocumentTokens: {
    type: 'whole',
    min: 8,
    otherwise: "the model's, 160; 384 for decoders",
    unit: 'tokens',
    help: 'tokens of one document block',
  },
  maxQueryTokens: {
    type: 'whole',
    min: 1,
    otherwise: "the model's, 64; 128 for decoders",
    unit: 'tokens',
    help: "tokens of the query's own words",
  },
  stateCacheBytes: {
    type: 'whole',
    min: 0,
    default: 268_435_456,
    unit: 'bytes',
    help: 'encoders: bytes of block states kept in memory',
    note: '0 keeps none',
  },
  stateFolder: {
    type: 'text',
    otherwise: 'none: memory alone',
    help: 'folder (LMDB) where block states are kept between runs',
  },
  stateRedis: {
    type: 'section',
    otherwise: 'none',
    help: 'Redis where block states are kept for every replica',
    note: '`url`, `prefix`, `ttlMs`; it is asked where memory and `stateFolder` have none',
  },
  stateCodec: {
    type: 'text',
    otherwise: 'all that the tier has, in half precision',
    help: 'how block states are kept, e.g. `tokens-int8` or `anchor-fp16`',
    note: "its tier is the reranker's",
  },
  warmUp: { type: 'switch', default: true, help: 'whether to run once before answering' },
  warmUpDocuments: {
    type: 'whole',
    min: 1,
    otherwise: 'a short list alone',
    help: 'decoders: documents of the longest list to come',
    note: 'one as long is run before answering, so that a card has memory taken and kernels chosen',
  },
  router: {
    type: 'section',
    otherwise: 'none: one reranker for every query',
    help: 'router that chooses a reranker for each query, as `blockrank router fit` wrote it',
    note: "`folder`, `budgetMs`, `remotes`; the folder alone is enough; depth and tier are the choice's",
  },
} as const;

/** Keys of the section `reranker.router`. */
export const routerOptions = {
  folder: { type: 'text', isRequired: true, help: 'folder of the router' },
  budgetMs: {
    type: 'number',
    min: 0,
    otherwise: 'none: the least expected loss, whatever it costs',
    unit: 'milliseconds',
    help: 'what a request may cost on average, by the costs that were measured',
  },
  remotes: {
    type: 'section',
    otherwise: 'none',
    help: 'services on board, by the names that follow `remote:`',
    note: 'each with the keys of `remote`',
  },
} as const;

/** Keys of the section `reranker.dropping`. */
export const droppingOptions = {
  keep: {
    type: 'number',
    above: 0,
    below: 1,
    isRequired: true,
    help: 'share of the documents without a state that are read',
  },
  depth: {
    type: 'whole',
    min: 1,
    otherwise: 'the smallest that can',
    unit: 'layers',
    help: "who tells which documents are read, one of the model's smaller depths",
  },
  minKeep: {
    type: 'whole',
    min: 1,
    default: 10,
    unit: 'documents',
    help: 'least number of documents that are read',
  },
  maxKeep: {
    type: 'whole',
    min: 1,
    otherwise: 'no bound',
    unit: 'documents',
    help: 'largest number of documents that are read',
    note: 'at least `minKeep`',
  },
} as const;

/** Keys of the section `reranker.stopping`. */
export const stoppingOptions = {
  page: {
    type: 'whole',
    min: 1,
    default: 10,
    unit: 'ranks',
    help: 'leading ranks that matter: the largest page that is asked for',
  },
  risk: {
    type: 'number',
    above: 0,
    below: 1,
    default: 0.3,
    unit: 'probability',
    help: 'probability that is accepted that reading the rest would bring another document onto the page',
  },
} as const;

/** Keys of the section `reranker.stateRedis`. */
export const stateRedisOptions = {
  url: {
    type: 'text',
    isRequired: true,
    help: 'address, e.g. `redis://:password@cache.example:6379/0`, or `rediss://` for an encrypted connection',
  },
  prefix: {
    type: 'text',
    default: 'blockrank',
    help: 'what keys start with',
    note: 'one for each tenant whose texts must stay apart',
  },
  ttlMs: {
    type: 'number',
    above: 0,
    otherwise: 'as long as Redis has room',
    unit: 'milliseconds',
    help: 'how long a state is kept',
  },
} as const;
