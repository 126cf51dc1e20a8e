/** Searches on a real server whose documents' block states lie there, against encoding them in the request. */
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { elasticsearchAdapter } from '../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../adapters/opensearch/index.ts';
import {
  buildStates,
  type StatePlace,
  type StoredStates,
  sidecarIndex,
  stateCalls,
  type TransportOwner,
} from '../adapters/server.ts';
import { openEncoderReranker, type Reranker, stateCodec } from '../engine/index.ts';
import { openStateMaker } from '../plugin/cli/states/state-maker.ts';
import { rescoringStage } from '../plugin/stage/index.ts';
import { missingFor, type ServerChoice, servers, startServer } from '../test/support/servers/start.ts';
import { atLeast, atMost, type Bench, type BenchResult, rounded, threads } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { documentsOf, question } from './support/texts.ts';

const rounds = 3;
const documents = 500;
const window = 100;
const tokens = 128;
const lengths = [32, 64, 128] as const;
/** Searches in one round: a single warm one is too short to time well. */
const warmRuns = 10;
/** The newest version of each product. */
const chosen = ['opensearch', 'elasticsearch'].map(
  (product) => servers.find((one) => one.product === product)!,
);
const tokenCodecs = ['tokens-fp16', 'tokens-int8', 'tokens-int8:32'] as const;

export const states: Bench = {
  about: `Searches whose first ${window} hits of ${tokens} tokens are reranked, with the hits' block states on the server and without.`,
  async run(note) {
    const figures: Record<string, unknown> = {};
    const checks: BenchResult['checks'][number][] = [];
    for (const choice of chosen) {
      const name = `${choice.product} ${choice.version}`;
      const missing = missingFor(choice);
      if (missing) {
        note(`${name} is left out: ${missing}`);
        continue;
      }
      const measured = await measureServer(choice, (text) => note(`${name}: ${text}`));
      figures[name] = measured.figures;
      checks.push(...measured.checks.map((check) => ({ ...check, name: `${name}: ${check.name}` })));
    }
    return { figures, checks };
  },
};

interface Setting {
  readonly url: string;
  readonly product: ServerChoice['product'];
  readonly client: TransportOwner & { close(): Promise<unknown> };
}

async function measureServer(choice: ServerChoice, note: (text: string) => void): Promise<BenchResult> {
  const server = await startServer(choice, { ml: false });
  const { product } = choice;
  const client = (product === 'opensearch'
    ? new OpenSearchClient({ node: server.url })
    : new ElasticsearchClient({ node: server.url })) as unknown as Setting['client'];
  const setting: Setting = { url: server.url, product, client };
  try {
    note('indexing and building states');
    for (const length of lengths) await prepare(setting, length);
    note('anchors');
    const anchors = await measureAnchors(setting);
    note('tokens');
    const tokenFigures: Record<string, unknown> = {};
    for (const codec of tokenCodecs) tokenFigures[codec] = await measureTokens(setting, codec);
    return { figures: { ...anchors.figures, tokensFromSidecar: tokenFigures }, checks: anchors.checks };
  } finally {
    await client.close();
    await server.close();
  }
}

const indexOf = (length: number): string => `documents-${length}`;
const generationOf = (codec: string): string => codec.replaceAll(':', '-');

/** Documents that all match, and their states: anchors in the documents and beside them, tokens beside them. */
async function prepare(setting: Setting, length: number): Promise<void> {
  const index = indexOf(length);
  const properties = { body: { type: 'text' } };
  const settings = { number_of_shards: 1, number_of_replicas: 0 };
  await send(setting.url, `PUT /${index}`, { settings, mappings: { properties } });
  const lines = documentsOf(documents, length).flatMap((body, i) => [{ index: { _id: `d${i}` } }, { body }]);
  await send(setting.url, `POST /${index}/_bulk`, lines);
  const places: [string, StatePlace][] = [
    ['anchor-fp16', { kind: 'field' }],
    ['anchor-fp16', { kind: 'sidecar', generation: generationOf('anchor-fp16') }],
  ];
  if (length === tokens) {
    places.push(
      ...tokenCodecs.map((codec): [string, StatePlace] => [
        codec,
        { kind: 'sidecar', generation: generationOf(codec) },
      ]),
    );
  }
  for (const [codec, place] of places) {
    const maker = await openStateMaker({ tier: stateCodec(codec).tier, codec });
    const calls = stateCalls(setting.client, setting.product);
    await buildStates({ calls, index, place, maker, fields: ['body'], owner: 'bench' });
    await maker.close();
  }
  await send(setting.url, 'POST /_refresh', undefined);
}

async function measureAnchors(setting: Setting): Promise<BenchResult> {
  const reranker = await openModel('anchor-fp16');
  const sidecar: StoredStates = { kind: 'sidecar', generation: generationOf('anchor-fp16') };
  const field: StoredStates = { kind: 'field' };
  try {
    const times = await alternate(rounds, {
      cold: searches(setting, reranker, { runs: 1 }),
      field: searches(setting, reranker, { states: field }),
      sidecar: searches(setting, reranker, { states: sidecar }),
      firstStage: searches(setting, reranker, { isPlain: true }),
    });
    const byLength = await alternate(
      rounds,
      Object.fromEntries(
        lengths.map((length) => [String(length), searches(setting, reranker, { states: field, length })]),
      ),
    );
    const large = await alternate(rounds, {
      field: searches(setting, reranker, { states: field, size: documents }),
      sidecar: searches(setting, reranker, { states: sidecar, size: documents }),
    });
    const each = (values: readonly number[]): number => median(values) / warmRuns;
    const perLength = Object.fromEntries(
      lengths.map((length) => [length, rounded(each(byLength[String(length)]!))]),
    );
    return {
      figures: {
        coldMs: rounded(median(times.cold)),
        anchorsFromFieldMs: rounded(each(times.field)),
        anchorsFromSidecarMs: rounded(each(times.sidecar)),
        firstStageAloneMs: rounded(each(times.firstStage)),
        coldOverField: rounded(medianRatio(times.cold, times.field) * warmRuns),
        coldOverSidecar: rounded(medianRatio(times.cold, times.sidecar) * warmRuns),
        anchorsByDocumentTokensMs: perLength,
        candidates500Ms: { field: rounded(each(large.field)), sidecar: rounded(each(large.sidecar)) },
        bytes: {
          hits: await searchBytes(setting, 'body'),
          hitsWithAnchors: await searchBytes(setting, 'body', 'blockrank_state.state'),
          anchorsBeside: await sidecarBytes(setting, 'anchor-fp16'),
        },
      },
      checks: [
        atLeast('cold / anchors from the index', medianRatio(times.cold, times.field) * warmRuns, 50),
        atMost('500 candidates with anchors, seconds', each(large.field) / 1000, 1),
        atMost('time with anchors, 128 tokens / 32 tokens', perLength[128]! / perLength[32]!, 1.3),
      ],
    };
  } finally {
    await reranker.close();
  }
}

async function measureTokens(setting: Setting, codec: string): Promise<Readonly<Record<string, unknown>>> {
  const reranker = await openModel(codec);
  try {
    const times = await alternate(rounds, {
      cold: searches(setting, reranker, { runs: 1 }),
      sidecar: searches(setting, reranker, { states: { kind: 'sidecar', generation: generationOf(codec) } }),
    });
    return {
      coldMs: rounded(median(times.cold)),
      ms: rounded(median(times.sidecar) / warmRuns),
      coldOverSidecar: rounded(medianRatio(times.cold, times.sidecar) * warmRuns),
      bytesOnTheWire: await sidecarBytes(setting, codec),
    };
  } finally {
    await reranker.close();
  }
}

/** Nothing is remembered from one search to the next but what the server keeps. */
function openModel(codec: string): Promise<Reranker> {
  const { tier } = stateCodec(codec);
  return openEncoderReranker({ tier, stateCodec: stateCodec(codec), workers: threads, stateCacheBytes: 0 });
}

interface Searches {
  readonly states?: StoredStates;
  readonly length?: number;
  readonly size?: number;
  readonly runs?: number;
  /** Whether nothing is reranked. */
  readonly isPlain?: boolean;
}

let seed = 0;

function searches(
  { product, client }: Setting,
  reranker: Reranker,
  { states: stored, length = tokens, size = window, runs = warmRuns, isPlain = false }: Searches,
): () => Promise<void> {
  const options = { client: client as never, fields: ['body'], states: stored };
  const adapter = product === 'opensearch' ? opensearchAdapter(options) : elasticsearchAdapter(options);
  const stage = rescoringStage<never, never>({
    adapter: adapter as never,
    reranker,
    cache: false,
    rankWindowSize: size,
  });
  return async () => {
    for (let run = 0; run < runs; run += 1) {
      seed += 1;
      const body = { query: { match: { body: 'the of plant light' } }, size };
      const request =
        product === 'opensearch' ? { index: indexOf(length), body } : { index: indexOf(length), ...body };
      const answer = await stage.search(request as never, { queryText: question(seed), rerank: !isPlain });
      const { blockrank } = answer as { blockrank: { usage?: { statesEncoded: number } } };
      const encoded = blockrank.usage?.statesEncoded ?? 0;
      if (encoded !== (stored || isPlain ? 0 : size)) throw new Error(`${encoded} states were encoded`);
    }
  };
}

async function searchBytes({ url }: Setting, ...source: readonly string[]): Promise<number> {
  const body = { query: { match: { body: 'the' } }, size: window, _source: source };
  return (await send(url, `POST /${indexOf(tokens)}/_search`, body)).length;
}

async function sidecarBytes({ url }: Setting, codec: string): Promise<number> {
  const _index = sidecarIndex(indexOf(tokens), generationOf(codec));
  const docs = Array.from({ length: window }, (_, i) => ({ _index, _id: `d${i}`, _source: ['state'] }));
  return (await send(url, 'POST /_mget', { docs })).length;
}

async function send(url: string, call: string, body: object | undefined): Promise<string> {
  const [method, path] = call.split(' ') as [string, string];
  const isLines = Array.isArray(body);
  const text = isLines ? body.map((line) => `${JSON.stringify(line)}\n`).join('') : JSON.stringify(body);
  const headers = { 'content-type': isLines ? 'application/x-ndjson' : 'application/json' };
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body && { body: text }) });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`${call}: ${answer.status} ${said}`);
  return said;
}
