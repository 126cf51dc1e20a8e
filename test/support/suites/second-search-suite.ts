/** What a second search does on a real server, through each of the ways in: stage, client middleware, proxy. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import type { EncoderReranker } from '../../../engine/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../../plugin/middleware/index.ts';
import { openProxy, proxyAdapter } from '../../../plugin/proxy/index.ts';
import { type RescoringStageOptions, rescoringStage } from '../../../plugin/stage/index.ts';
import { builtProgram } from '../programs/built.ts';
import { isNewest, type ServerChoice } from '../servers/start.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

/** The server and its index. */
export interface SecondSearchSubject {
  readonly choice: ServerChoice;
  readonly url: () => string;
  readonly reranker: () => EncoderReranker;
  /** Makes the index `guides` of these documents, with the anchors of their texts as vectors. */
  readonly index: (documents: Readonly<Record<string, object>>) => Promise<void>;
}

/** One document has the word that is asked for; others say the same in other words, one of them in another shop. */
const documents = {
  moon: { title: 'On', body: 'The moon orbits the earth once in twenty-seven days.', shop: 'north' },
  satellite: { title: 'On', body: 'Our natural satellite circles the planet in four weeks.', shop: 'north' },
  elsewhere: { title: 'On', body: 'Our natural satellite circles the planet monthly.', shop: 'south' },
  bread: { title: 'On', body: 'Sourdough is baked from flour, water and salt.', shop: 'north' },
};

const states = { kind: 'field', vector: true } as const;
const fields = ['title', 'body'];
const body = {
  query: { bool: { must: [{ match: { body: 'moon' } }], filter: [{ match: { shop: 'north' } }] } },
  aggs: { shops: { terms: { field: 'shop.keyword' } } },
  _source: ['body'],
};

interface Told {
  readonly ids: readonly string[];
  readonly mark: Json;
  readonly hits: readonly Json[];
  readonly answer: Json;
}

const told = (answer: Json): Told => ({
  ids: answer.hits.hits.map(({ _id }: Json) => _id),
  mark: answer.blockrank,
  hits: answer.hits.hits,
  answer,
});

/** Registers the suite. */
export function secondSearchSuite({ choice, url, reranker, index }: SecondSearchSubject): void {
  const isOpenSearch = choice.product === 'opensearch';
  const media = 'application/vnd.elasticsearch+json; compatible-with=8';
  const headers = choice.version.startsWith('8.')
    ? { headers: { accept: media, 'content-type': media } }
    : {};
  const options = (more: object = {}) => ({ reranker: reranker(), secondSearch: { k: 2 }, ...more });
  const request = (isOpenSearch ? { index: 'guides', body } : { index: 'guides', ...body }) as never;
  /** What a search gives through an adapter or a middleware over a client of its own. */
  const over = async (run: (client: Json) => Promise<unknown>): Promise<Told> => {
    const client = isOpenSearch
      ? new OpenSearchClient({ node: url() })
      : new ElasticsearchClient({ node: url(), ...headers });
    try {
      return told(await run(client));
    } finally {
      await client.close();
    }
  };
  const staged = (more?: Partial<RescoringStageOptions<never, never>>): Promise<Told> =>
    over((client) => {
      const adapter = isOpenSearch
        ? opensearchAdapter({ client, fields, states })
        : elasticsearchAdapter({ client, fields, states });
      return rescoringStage({ adapter: adapter as Json, ...options(more) }).search(request);
    });

  it('finds by a second search what says the same in other words, under the same filter', async () => {
    await index(documents);
    const plain = await staged({ secondSearch: false });
    expect(plain.ids).toEqual(['moon']);
    const { ids, mark, hits, answer } = await staged();
    // Found by both searches: once. The other shop's document is nearer than bread, and filtered out.
    expect([...ids].sort()).toEqual(['moon', 'satellite']);
    expect(mark).toMatchObject({ reranked: true, secondSearch: { read: 1, found: 2, added: 1 } });
    expect(mark.secondSearch).not.toHaveProperty('reason');
    const added = hits.find(({ _id }) => _id === 'satellite');
    expect(added._source).toEqual({ body: documents.satellite.body });
    expect(added.blockrank).toMatchObject({ fromSecondSearch: true, firstStageRank: 2 });
    expect(answer.aggregations).toEqual(plain.answer.aggregations);
    expect(answer.hits.total).toEqual(plain.answer.hits.total);
  });

  it('leaves the list as it was ranked where the index has no such vectors', async () => {
    const { ids, mark } = await staged({ secondSearch: { field: 'nowhere' } });
    expect(ids).toEqual(['moon']);
    expect(mark).toMatchObject({ reranked: true, secondSearch: { added: 0 } });
    // Either server may answer with an error, or with no hit.
    if (mark.secondSearch.reason) expect(mark.secondSearch.error.message).toContain('nowhere');
  });

  it('works in a client, in single searches and in multi-searches', async () => {
    const withReranking: Json = isOpenSearch ? withOpenSearchReranking : withElasticsearchReranking;
    const inside = { fields, states, indices: ['guides'] };
    const bodyOf = (answer: Json): Json => (isOpenSearch ? answer.body : answer);
    const single = await over(async (client) =>
      bodyOf(await withReranking(client, options(inside)).search(request)),
    );
    expect([...single.ids].sort()).toEqual(['moon', 'satellite']);
    const lines = [{ index: 'guides' }, body];
    const several = await over(async (client) => {
      const answer = await withReranking(client, options(inside)).msearch(
        isOpenSearch ? { body: lines } : { searches: lines },
      );
      return bodyOf(answer).responses[0];
    });
    expect([...several.ids].sort()).toEqual(['moon', 'satellite']);
  });

  it('works in a proxy, which asks with the headers of the caller and keeps the bytes of each hit', async () => {
    const adapter = proxyAdapter({ server: choice.product, fields, states });
    const stage = rescoringStage({ adapter, ...options() });
    const parts = { adapter, stage, reranker: reranker(), indices: ['guides'] };
    const proxy = await openProxy({ target: url(), port: 0, ...parts });
    const post = async (path: string, text: string, type: string): Promise<Json> => {
      const answer = await fetch(`${proxy.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: text,
      });
      return answer.json();
    };
    try {
      const one = told(await post('/guides/_search', JSON.stringify(body), 'application/json'));
      const lines = [{ index: 'guides' }, body].map((line) => `${JSON.stringify(line)}\n`).join('');
      const { responses } = await post('/_msearch', lines, 'application/x-ndjson');
      for (const { ids, mark, hits } of [one, told(responses[0])]) {
        expect([...ids].sort()).toEqual(['moon', 'satellite']);
        expect(mark).toMatchObject({ secondSearch: { added: 1 } });
        expect(hits.find(({ _id }) => _id === 'satellite')._source).toEqual({
          body: documents.satellite.body,
        });
      }
    } finally {
      await proxy.close();
      await stage.close();
    }
  });

  it.skipIf(!isOpenSearch || !isNewest(choice))('is what the example prints', async () => {
    const env = { ...process.env, OPENSEARCH_URL: url(), INDEX: 'guides', NO_COLOR: '1' };
    const program = [builtProgram('examples/second-search.ts'), 'moon'];
    const { stdout } = await promisify(execFile)(process.execPath, program, { env });
    expect(stdout).toMatch(/^\d\. moon$/m);
    expect(stdout).toMatch(/^\d\. satellite \(second search\)$/m);
    expect(stdout).toMatch(/read: 1, found: 4, added: 3/);
  });
}
