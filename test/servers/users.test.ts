/** What users get whose roles hide documents or fields, through each of the ways in. */
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../adapters/opensearch/index.ts';
import { buildStates, defaultGeneration, type StatePlace, stateCalls } from '../../adapters/server.ts';
import { type EncoderReranker, openEncoderReranker, stateCodec, stateMaker } from '../../engine/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../plugin/middleware/index.ts';
import { openProxy, proxyAdapter } from '../../plugin/proxy/index.ts';
import { type RescoringStage, rescoringStage } from '../../plugin/stage/index.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import {
  type RunningServer,
  type ServerChoice,
  securedServers,
  startServer,
} from '../support/servers/start.ts';
import {
  apiKeyOf,
  asAdmin,
  headerOf,
  makeUser,
  type Proof,
  passwordOf,
  type Rights,
} from '../support/servers/users.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

const index = 'guides';
/** One document has the word that is asked for; the one of the south is hidden from some. */
const documents = {
  moon: { title: 'On', body: 'The moon orbits the earth once in twenty-seven days.', shop: 'north' },
  satellite: { title: 'On', body: 'Our natural satellite circles the planet in four weeks.', shop: 'north' },
  hidden: { title: 'On', body: 'Our natural satellite circles the planet monthly.', shop: 'south' },
  bread: { title: 'On', body: 'Sourdough is baked from flour, water and salt.', shop: 'north' },
} as const;
const note = 'seen by few';
const all = Object.keys(documents).sort();
const visible = all.filter((id) => id !== 'hidden');

/** What each role may read. */
const rights = {
  full: { names: [index, `${index}-blockrank-states-*`] },
  restricted: { names: [index], query: { term: { 'shop.keyword': 'north' } }, except: ['note'] },
  // Neither vectors nor states.
  blind: { names: [index], except: ['blockrank_state', 'blockrank_state.*'] },
  // The states are made of this field, too.
  untitled: { names: [index], except: ['title'] },
} as const satisfies Record<string, Rights>;
type User = keyof typeof rights;
const users = Object.keys(rights) as User[];
/** Who comes, one after the other. */
const callers = ['full', 'restricted', 'full', 'restricted', 'blind', 'untitled', 'full'] as const;
/** What `docs/states.md` says a build needs. */
const builder: readonly Rights[] = [
  {
    names: [index],
    privileges: ['read', 'view_index_metadata', 'monitor', 'maintenance', 'write', 'manage'],
  },
  {
    names: ['*-blockrank-states-*'],
    privileges: ['read', 'write', 'create_index', 'manage', 'delete_index'],
  },
  { names: ['blockrank-states-runs'], privileges: ['read', 'write', 'create_index', 'view_index_metadata'] },
];

const states = { kind: 'field', vector: true } as const;
const fields = ['title', 'body'];
const body = { query: { match: { body: 'moon' } } };

describeServers('users of %s', describeUsers, securedServers);

/** A way in, shared by everybody who comes. */
interface Way {
  ask(proof: Proof, from?: number): Promise<Json>;
  close(): unknown;
}

function describeUsers(choice: ServerChoice): void {
  const isOpenSearch = choice.product === 'opensearch';
  let server: RunningServer;
  let reranker: EncoderReranker;
  let generation: string;
  const keys = {} as Record<User, Proof>;
  const clients: { close(): unknown }[] = [];
  const clientOf = (auth?: Proof): Json => {
    const options = { node: server.url, ...(auth && { auth: auth as Json }) };
    const client = isOpenSearch ? new OpenSearchClient(options) : new ElasticsearchClient(options);
    clients.push(client);
    return client;
  };
  const adapterOf = (client: Json, place: StatePlace = states): Json =>
    (isOpenSearch ? opensearchAdapter : elasticsearchAdapter)({ client, fields, states: place });

  beforeAll(async () => {
    server = await startServer(choice, { ml: false, security: true });
    reranker = await openEncoderReranker({ tier: 'anchor', warmUp: false });
    for (const user of users) await makeUser(server, choice, user, [rights[user]]);
    await makeUser(server, choice, 'builder', builder);
    if (!isOpenSearch) for (const user of users) keys[user] = await apiKeyOf(server, user);
    const settings = { number_of_replicas: 0, ...(isOpenSearch && { 'index.knn': true }) };
    await asAdmin(server, 'PUT', `/${index}`, { settings });
    const lines = Object.entries(documents).flatMap(([_id, one]) => [{ index: { _id } }, { ...one, note }]);
    const bulk = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    await asAdmin(server, 'POST', `/${index}/_bulk?refresh=true`, bulk);
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await reranker?.close();
    await server?.close();
  });

  it('may build states with the rights that the documentation names, in documents and beside them', async () => {
    const calls = stateCalls(clientOf(passwordOf('builder')), choice.product);
    const maker = stateMaker(reranker, stateCodec('anchor-fp16'));
    generation = defaultGeneration(maker);
    for (const place of [states, { kind: 'sidecar', generation } as const]) {
      const built = await buildStates({ calls, index, place, maker, fields, owner: 'test' });
      expect(built).toMatchObject({ counts: { written: 4, failed: 0 } });
    }
    await asAdmin(server, 'POST', `/${index}/_refresh`);
  });

  const options = () => ({ reranker, secondSearch: { k: 4 } });
  const request = (from: number): Json =>
    isOpenSearch ? { index, body: { ...body, from } } : { index, from, ...body };
  const bodyOf = (answer: Json): Json => (isOpenSearch ? answer.body : answer);
  const clientInside = (): Json => {
    const withReranking: Json = isOpenSearch ? withOpenSearchReranking : withElasticsearchReranking;
    return withReranking(clientOf(), { ...options(), fields, states, indices: [index] });
  };
  const ways: Record<string, () => Promise<Way>> = {
    'the stage': async () => {
      const stage: RescoringStage<Json, Json> = rescoringStage({
        adapter: adapterOf(clientOf()),
        ...options(),
      });
      return {
        ask: (proof, from = 0) => stage.search(request(from), { search: adapterOf(clientOf(proof)).search }),
        close: () => stage.close(),
      };
    },
    'a client': async () => {
      const client = clientInside();
      return {
        ask: async (proof, from = 0) =>
          bodyOf(await client.search(request(from), { headers: { authorization: headerOf(proof) } })),
        close: () => {},
      };
    },
    "a client's child": async () => {
      const client = clientInside();
      return {
        ask: async (proof, from = 0) => {
          const child = client.child({ headers: { authorization: headerOf(proof) } });
          return bodyOf(await child.search(request(from)));
        },
        close: () => {},
      };
    },
    'a proxy': async () => {
      const adapter = proxyAdapter({ server: choice.product, fields, states });
      const stage = rescoringStage({ adapter, ...options() });
      const parts = { adapter, stage, reranker, indices: [index] };
      const proxy = await openProxy({ target: server.url, port: 0, ...parts });
      return {
        ask: async (proof, from = 0) => {
          const headers = { 'content-type': 'application/json', authorization: headerOf(proof) };
          const sent = { method: 'POST', headers, body: JSON.stringify({ ...body, from }) };
          return (await fetch(`${proxy.url}/${index}/_search`, sent)).json();
        },
        close: async () => {
          await proxy.close();
          await stage.close();
        },
      };
    },
  };
  const proofs: Record<string, (user: User) => Proof> = {
    password: passwordOf,
    ...(!isOpenSearch && { 'API key': (user: User) => keys[user] }),
  };
  // OpenSearch searches a vector that it does not show.
  const found = { full: all, restricted: visible, blind: isOpenSearch ? all : ['moon'], untitled: all };

  describe.each(Object.keys(ways))('through %s', (name) => {
    let way: Way;
    beforeEach(async () => {
      way = await ways[name]!();
      return async () => {
        await way.close();
      };
    });

    it.each(Object.keys(proofs))('get what their roles show: %s', async (proof) => {
      // Everybody's first list is the same, and what is remembered of it: whoever comes first must change nothing.
      for (const user of callers) {
        const answer = await way.ask(proofs[proof]!(user));
        const { secondSearch } = answer.blockrank;
        const expected = found[user];
        expect([user, ...idsOf(answer)]).toEqual([user, ...expected]);
        expect(secondSearch).toMatchObject({ read: 1, added: expected.length - 1 });
        expect(secondSearch.reason).toBeUndefined();
        const told = JSON.stringify(answer);
        expect(told.includes(documents.hidden.body) || told.includes('"hidden"')).toBe(expected === all);
        expect(told.includes(note)).toBe(user !== 'restricted');
        expect(told.includes('"title"')).toBe(user !== 'untitled');
      }
    });

    it('show nobody on a later page what another one saw on the first', async () => {
      expect(idsOf(await way.ask(passwordOf('full')))).toEqual(all);
      for (const from of [1, 2, 3]) {
        const page = await way.ask(passwordOf('restricted'), from);
        expect(idsOf(page)).toHaveLength(3 - from);
        expect(JSON.stringify(page)).not.toContain(documents.hidden.body);
      }
    });
  });

  const none = { found: 0, missing: 0, stale: 0, foreign: 0, damaged: 0 };
  it.each<[User, object, object]>([
    ['full', { found: 1 }, { found: 1 }],
    // The server gives those who may not read every field a vector under its whole path: `"blockrank_state.vector"`.
    ['restricted', { found: 1 }, { missing: 1 }],
    ['blind', { missing: 1 }, { missing: 1 }],
    // States are of the text with the title, and are not trusted for another one.
    ['untitled', { stale: 1 }, { missing: 1 }],
  ])('lose nothing by states that they may not read: %s', async (user, inField, inSidecar) => {
    const client = clientOf(passwordOf(user));
    const stored = async (place: StatePlace): Promise<Json> => {
      const stage = rescoringStage<Json, Json>({ adapter: adapterOf(client, place), reranker, cache: false });
      const answer = await stage.search(request(0));
      expect(idsOf(answer)).toEqual(['moon']);
      expect(answer.blockrank).toMatchObject({ reranked: true });
      return answer.blockrank.usage.storedStates;
    };
    expect(await stored(states)).toEqual({ ...none, ...inField });
    expect(await stored({ kind: 'sidecar', generation })).toEqual({ ...none, ...inSidecar });
  });
}

function idsOf(answer: Json): readonly string[] {
  return answer.hits.hits.map(({ _id }: Json) => _id).sort();
}
