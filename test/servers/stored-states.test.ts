import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../adapters/opensearch/index.ts';
import {
  buildStates,
  dropStates,
  type StoredStates,
  sidecarIndex,
  stateCalls,
} from '../../adapters/server.ts';
import { openEncoderReranker, type Reranker, stateCodec } from '../../engine/index.ts';
import { type OpenStateMaker, openStateMaker } from '../../plugin/cli/states/state-maker.ts';
import { configuredStage, type ServerResponse } from '../../plugin/compose/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../plugin/middleware/index.ts';
import { rescoringStage } from '../../plugin/stage/index.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import { type RunningServer, type ServerChoice, startServer } from '../support/servers/start.ts';
import { documentOf, type StatesCluster, statesCluster } from '../support/servers/states-cluster.ts';
import { storedStatesSuites } from '../support/suites/stored-states-subject.ts';
import { elasticsearchSubject, openSearchSubject } from '../support/suites/suite-subjects.ts';
import { tinyModel } from '../support/tiny/tiny-model.ts';

const fields = ['title', 'body'];
const documents = 60;
const query = { match: { body: 'cats' } };

describeServers('%s, states in use', describeStoredStates);

interface Marked {
  readonly ids: readonly string[];
  readonly mark: ServerResponse & { readonly usage: ServerResponse };
  readonly sources: readonly ServerResponse[];
}

function describeStoredStates(choice: ServerChoice): void {
  const isOpenSearch = choice.product === 'opensearch';
  let server: RunningServer;
  let cluster: StatesCluster;
  let folder: string;
  let models: readonly string[];
  let makers: readonly OpenStateMaker[];
  const open: { close(): Promise<unknown> }[] = [];

  beforeAll(async () => {
    server = await startServer(choice, { ml: false });
    cluster = statesCluster(server.url);
    folder = await mkdtemp(join(tmpdir(), 'blockrank-use-'));
    const smaller = {
      maxDocumentTokens: 16,
      maxDocumentBlocks: 3,
      blockOverlapTokens: 4,
      maxQueryTokens: 16,
    };
    models = [await tinyModel(), await tinyModel({ caps: smaller })];
    makers = await Promise.all(models.map((model) => openStateMaker({ tier: 'anchor', model })));
  });
  afterAll(async () => {
    for (const one of open.reverse()) await one.close();
    for (const maker of makers ?? []) await maker.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const media = 'application/vnd.elasticsearch+json; compatible-with=8';
  const asVersion8 = choice.version.startsWith('8.') && { headers: { accept: media, 'content-type': media } };
  const elasticsearch = (): ElasticsearchClient =>
    new ElasticsearchClient({ node: server.url, ...asVersion8 });
  const opensearch = (): OpenSearchClient => new OpenSearchClient({ node: server.url });
  const kept = <T extends { close(): Promise<unknown> }>(one: T): T => {
    open.push(one);
    return one;
  };
  const build = (index: string, place: Parameters<typeof buildStates>[0]['place'], maker = makers[0]!) =>
    buildStates({
      calls: stateCalls((isOpenSearch ? kept(opensearch()) : kept(elasticsearch())) as never, choice.product),
      index,
      place,
      maker,
      fields,
      owner: `test:${Math.random()}`,
    });
  const openModel = async (model = models[0]!): Promise<Reranker> => {
    const settings = { model, workers: 1, warmUp: false, stateCacheBytes: 0, tier: 'anchor' } as const;
    return kept(await openEncoderReranker({ ...settings, stateCodec: stateCodec('anchor-fp16') }));
  };
  const adapterWith = (states: StoredStates | undefined) =>
    isOpenSearch
      ? opensearchAdapter({ client: kept(opensearch()), fields, states })
      : elasticsearchAdapter({ client: kept(elasticsearch()), fields, states });
  const search = (index: string, more: object = {}): never =>
    (isOpenSearch
      ? { index, body: { query, size: 20, ...more } }
      : { index, query, size: 20, ...more }) as never;
  const read = (response: unknown): Marked => {
    const { hits, blockrank } = response as {
      hits: { hits: readonly { _id: string; _source: ServerResponse }[] };
      blockrank: Marked['mark'];
    };
    return {
      ids: hits.hits.map(({ _id }) => _id),
      sources: hits.hits.map(({ _source }) => _source),
      mark: blockrank,
    };
  };
  const searched = async (
    index: string,
    states: StoredStates | undefined,
    more?: object,
  ): Promise<Marked> => {
    const stage = rescoringStage({ adapter: adapterWith(states) as never, reranker: await openModel() });
    return read(await stage.search(search(index, more)));
  };

  if (isOpenSearch) {
    storedStatesSuites({
      name: 'client 3',
      url: () => server.url,
      open: (index, states) => {
        const client = opensearch();
        return { ...openSearchSubject(client, index, states), close: () => client.close() };
      },
    });
  } else {
    storedStatesSuites({
      name: 'client 9',
      url: () => server.url,
      open: (index, states) => {
        const client = elasticsearch();
        return { ...elasticsearchSubject(client, index, states), close: () => client.close() };
      },
    });
  }

  it.each([
    ['sidecar', { kind: 'sidecar', generation: 'g' }] as const,
    ['field', { kind: 'field' }] as const,
  ])(
    'ranks from built states (%s) as it does without, to the last bit, and encodes nothing',
    async (_, place) => {
      const index = `use-${place.kind}`;
      await cluster.seed(index, { documents, shards: 2 });
      const before = await searched(index, undefined);
      await build(index, place);
      await cluster.ask('POST', '/_refresh');
      const after = await searched(index, place);
      expect(before.mark.usage).toMatchObject({ statesFound: 0, statesEncoded: documents });
      expect(after.mark.usage).toMatchObject({
        statesFound: documents,
        statesEncoded: 0,
        storedStates: { found: documents, missing: 0, stale: 0, foreign: 0, damaged: 0 },
      });
      expect(after.ids).toEqual(before.ids);
      expect(after.sources).toEqual(before.sources);
      const shown = await searched(index, place, { _source: ['blockrank_state.encoding'] });
      const encoding = { blockrank_state: { encoding: expect.stringContaining('anchor-fp16') } };
      expect(shown.sources[0]).toEqual(place.kind === 'field' ? encoding : {});
    },
  );

  it('encodes what changed since, and counts it as stale', async () => {
    for (const place of [{ kind: 'sidecar', generation: 'g' }, { kind: 'field' }] as const) {
      const index = `use-${place.kind}`;
      await cluster.change(index, 'd3', 'cats that were changed since');
      await cluster.ask('POST', '/_refresh');
      const { mark } = await searched(index, place);
      expect(mark.usage).toMatchObject({
        storedStates: { found: documents - 1, stale: 1 },
        statesEncoded: 1,
      });
    }
  });

  it('encodes all of it where there is no such generation', async () => {
    const { mark } = await searched('use-sidecar', { kind: 'sidecar', generation: 'none' });
    expect(mark).toMatchObject({ reranked: true, usage: { storedStates: { missing: documents } } });
  });

  it('takes vectors of the same model from a field of their own', async () => {
    const index = 'use-vectors';
    const states = await makers[0]!.encode(textsOf(documents));
    const { width } = states[0]!;
    await cluster.ask('PUT', `/${index}`, vectorIndex(isOpenSearch, width));
    const lines = states.flatMap(({ anchors, blockTokens }, i) => {
      expect(blockTokens).toHaveLength(1);
      return [{ index: { _id: `d${i}` } }, { ...documentOf(i), embedding: [...anchors] }];
    });
    await cluster.ask(
      'POST',
      `/${index}/_bulk?refresh=true`,
      lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
    const before = await searched(index, undefined, { _source: fields });
    const after = await searched(index, { kind: 'vector', field: 'embedding' }, { _source: fields });
    expect(after.mark.usage).toMatchObject({ statesFound: documents, statesEncoded: 0 });
    expect(after.sources).toEqual(before.sources);
    // Both are the same anchors, one of them rounded to half precision.
    expect(new Set(after.ids.slice(0, 10))).toEqual(new Set(before.ids.slice(0, 10)));
  });

  it('serves a client that an application has already', async () => {
    const states = { kind: 'sidecar', generation: 'g' } as const;
    const options = { reranker: await openModel(), fields, states, indices: ['use-*'] };
    const body = { query, size: 20 };
    const { mark } = read(
      isOpenSearch
        ? (await withOpenSearchReranking(kept(opensearch()), options).search({ index: 'use-sidecar', body }))
            .body
        : await withElasticsearchReranking(kept(elasticsearch()), options).search({
            index: 'use-sidecar',
            ...body,
          }),
    );
    expect(mark.usage).toMatchObject({ storedStates: { found: documents - 1, stale: 1 } });
  });

  it('follows its configuration from one generation to the next: no search fails, none encodes', async () => {
    const index = 'use-generations';
    await cluster.seed(index, { documents });
    await build(index, { kind: 'sidecar', generation: 'first' });
    const file = join(folder, 'blockrank.config.yaml');
    const configure = (generation: string, model: string): Promise<void> =>
      writeFile(file, configText(choice, { url: server.url, index, generation, model }));
    await configure('first', models[0]!);
    const following = kept(await configuredStage(file, { watch: false }));
    const seen = startSearching(async () => read(await following.stage.search(search(index))));
    await seen.until(3);
    await build(index, { kind: 'sidecar', generation: 'second' }, makers[1]);
    await cluster.ask('POST', '/_refresh');
    const beforeSwitch = seen.answers.length;
    await configure('second', models[1]!);
    await following.reload();
    await seen.until(seen.answers.length + 3);
    const calls = stateCalls(
      (isOpenSearch ? kept(opensearch()) : kept(elasticsearch())) as never,
      choice.product,
    );
    const removed = await dropStates({ calls, index, place: { kind: 'sidecar', generation: 'first' } });
    expect(removed).toEqual([`index "${sidecarIndex(index, 'first')}"`]);
    await seen.until(seen.answers.length + 3);
    await seen.stop();
    expect(beforeSwitch).toBeGreaterThan(0);
    for (const { mark } of seen.answers) {
      expect(mark).toMatchObject({
        reranked: true,
        usage: { statesEncoded: 0, storedStates: { found: documents } },
      });
    }
  });

  it('keeps the configuration in use when the next one cannot be taken', async () => {
    const file = join(folder, 'blockrank.config.yaml');
    const following = kept(await configuredStage(file, { watch: false }));
    await writeFile(file, 'index: { name: 3 }');
    await expect(following.reload()).rejects.toThrow('index.name');
    expect(read(await following.stage.search(search('use-generations'))).mark).toMatchObject({
      reranked: true,
    });
  });
}

/** Searches without a pause until it is stopped. */
function startSearching(once: () => Promise<Marked>): {
  readonly answers: readonly Marked[];
  until(count: number): Promise<void>;
  stop(): Promise<void>;
} {
  const answers: Marked[] = [];
  let isStopped = false;
  const run = (async () => {
    while (!isStopped) answers.push(await once());
  })();
  run.catch(() => undefined);
  return {
    answers,
    until: async (count) => {
      while (answers.length < count)
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), run]);
    },
    stop: async () => {
      isStopped = true;
      await run;
    },
  };
}

function configText(
  { product, version }: ServerChoice,
  given: {
    readonly url: string;
    readonly index: string;
    readonly generation: string;
    readonly model: string;
  },
): string {
  const compatible = version.startsWith('8.') ? ', compatibleWith: 8' : '';
  return `
${product}: { node: '${given.url}'${compatible} }
index: { name: ${given.index}, textFields: [title, body], states: { sidecar: ${given.generation} } }
reranker: { model: '${given.model}', workers: 1, warmUp: false, stateCacheBytes: 0 }
stage: { cache: false, onFailure: throw }
`;
}

function vectorIndex(isOpenSearch: boolean, width: number): object {
  const properties = { title: { type: 'text' }, body: { type: 'text' }, views: { type: 'integer' } };
  const settings = { number_of_shards: 1, number_of_replicas: 0, ...(isOpenSearch && { 'index.knn': true }) };
  const method = { name: 'hnsw', engine: 'lucene', space_type: 'innerproduct' };
  const embedding = isOpenSearch
    ? { type: 'knn_vector', dimension: width, method }
    : { type: 'dense_vector', dims: width, index: true, similarity: 'max_inner_product' };
  return { settings, mappings: { properties: { ...properties, embedding } } };
}

function textsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${documentOf(i).title} ${documentOf(i).body}`);
}
