/** Options of the reverse proxy: the section `proxy`, the command line, `openProxy`. */
import type { OptionRow } from './option.ts';
import { stageOptions } from './stage-options.ts';

/** Keys of the section `proxy`. */
export const proxyOptions = {
  target: {
    type: 'text',
    otherwise: 'the `node` of the section `elasticsearch` or `opensearch`',
    help: 'address of the cluster',
    note: "a path in it goes before every request's; no credentials",
  },
  server: {
    type: 'choice',
    of: ['elasticsearch', 'opensearch'],
    otherwise: 'the name of its section, else asked at the start',
    help: 'what the cluster is, for metrics and errors',
    note: 'and for the reading of `_source`',
  },
  indices: {
    type: 'list',
    otherwise: 'the names in `index.name`',
    help: 'indices whose searches are reranked, as requests name them; `*` stands for any characters',
  },
  host: { type: 'text', default: '127.0.0.1', help: 'address to listen on' },
  port: { type: 'whole', min: 0, max: 65_535, default: 9201, help: 'port to listen on; 0 for any free one' },
  targetTls: {
    type: 'section',
    otherwise: 'the `tls` of its section',
    help: 'encryption of the connections to the cluster',
    note: '`ca`, `cert`, `key`, `passphrase`, `insecure`',
  },
  listenTls: {
    type: 'section',
    otherwise: 'none: plain HTTP',
    help: 'encryption of the connections to callers',
    note: '`cert`, `key`, `passphrase`',
  },
  timeoutMs: {
    type: 'number',
    above: 0,
    default: 300_000,
    unit: 'milliseconds',
    help: 'how long the cluster may keep silent',
    note: '504 after it',
  },
  maxSearchBytes: {
    type: 'whole',
    min: 1,
    default: 10_485_760,
    unit: 'bytes',
    help: "bytes that a search's body may have, unpacked",
    note: 'a larger one passes untouched',
  },
  maxAnswerBytes: {
    type: 'whole',
    min: 1,
    default: 67_108_864,
    unit: 'bytes',
    help: 'bytes that an answer may have to be reranked, unpacked',
    note: 'for a larger one the search is asked again as it came',
  },
  maxConcurrent: {
    type: 'whole',
    min: 1,
    default: 64,
    unit: 'searches',
    help: 'searches that are reranked at once; what comes beyond it passes untouched',
    note: 'each of an `_msearch` counts; refused with `onFailure: throw`',
  },
  drainMs: {
    type: 'number',
    min: 0,
    default: 30_000,
    unit: 'milliseconds',
    help: 'time that requests in flight get when the proxy is asked to end',
  },
  keepsHost: {
    type: 'switch',
    default: false,
    help: 'whether the cluster sees the `Host` that the caller named',
  },
  ownPages: {
    type: 'switch',
    default: true,
    help: "whether `/_blockrank/healthz`, `readyz` and `metrics` are the proxy's own",
  },
  marks: {
    type: 'switch',
    default: true,
    help: 'whether answers and hits say what happened, as their property `blockrank`',
  },
  scores: {
    type: 'choice',
    of: ['first-stage', 'reranked'],
    default: 'first-stage',
    help: 'which number hits carry as `_score`',
    note: "the cluster's, or the reranker's",
  },
} as const;

/** Keys of the section `proxy.targetTls`. */
export const targetTlsOptions = {
  ca: {
    type: 'text',
    otherwise: "the system's",
    help: "file with certificates (PEM) that may have signed the cluster's",
  },
  cert: {
    type: 'text',
    otherwise: 'none',
    help: "file with the proxy's certificate (PEM) for the cluster",
    note: 'needs `key`',
  },
  key: {
    type: 'text',
    otherwise: 'none',
    help: "file with the proxy's private key (PEM) for the cluster",
    note: 'needs `cert`',
  },
  passphrase: {
    type: 'text',
    mayBeEmpty: true,
    otherwise: 'none',
    help: 'what the private key is encrypted with',
  },
  insecure: {
    type: 'switch',
    default: false,
    help: "do not check the cluster's certificate (warns)",
  },
} as const;

/** Keys of the section `proxy.listenTls`. */
export const listenTlsOptions = {
  cert: {
    type: 'text',
    isRequired: true,
    help: "file with the listener's certificate chain (PEM); callers then use https",
  },
  key: { type: 'text', isRequired: true, help: "file with the listener's private key (PEM)" },
  passphrase: {
    type: 'text',
    mayBeEmpty: true,
    otherwise: 'none',
    help: 'what the private key is encrypted with',
  },
} as const;

/** The option whose default differs in the proxy's stage: a caller of a cluster would otherwise wait for ever. */
export const proxyStageOptions: { readonly deadlineMs: OptionRow & { readonly default: number } } = {
  deadlineMs: { ...without(stageOptions.deadlineMs), default: 10_000 },
};

function without({ otherwise: _otherwise, note: _note, ...row }: OptionRow): OptionRow {
  return row;
}
