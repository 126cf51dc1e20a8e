/** What users get whose roles hide documents or fields, through each of the ways in. */
import { Client } from '@elastic/elasticsearch';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { buildStates, defaultGeneration, type StatePlace, stateCalls } from '../../adapters/server.ts';
import { type EncoderReranker, openEncoderReranker, stateCodec, stateMaker } from '../../engine/index.ts';
import { withElasticsearchReranking } from '../../plugin/middleware/index.ts';
import { openProxy, proxyAdapter, type RunningProxy } from '../../plugin/proxy/index.ts';
import { type RescoringStage, rescoringStage } from '../../plugin/stage/index.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import { admin, isNewest, type RunningServer, servers, startServer } from '../support/servers/start.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

const newest = servers.filter((one) => one.product === 'elasticsearch' && isNewest(one));
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
  restricted: {
    query: { term: { 'shop.keyword': 'north' } },
    field_security: { grant: ['*'], except: ['note'] },
  },
  // Neither vectors nor states.
  blind: { field_security: { grant: ['*'], except: ['blockrank_state', 'blockrank_state.*'] } },
  // The states are made of this field, too.
  untitled: { field_security: { grant: ['*'], except: ['title'] } },
} as const;
type User = keyof typeof rights;
const users = Object.keys(rights) as User[];
const password = 'open sesame';
/** Who comes, one after the other. */
const callers = ['full', 'restricted', 'full', 'restricted', 'blind', 'untitled', 'full'] as const;
/** What each of them finds. */
const found = { full: all, restricted: visible, blind: ['moon'], untitled: all };
/** What `docs/states.md` says a build needs. */
const builder = [
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

describeServers('users of %s', describeUsers, newest);

function describeUsers(choice: (typeof newest)[number]): void {
  let server: RunningServer;
  let reranker: EncoderReranker;
  let generation: string;
  const keys = {} as Record<User, string>;
  const clients: Client[] = [];
  const clientOf = (auth?: ConstructorParameters<typeof Client>[0]['auth']): Client => {
    const client = new Client({ node: server.url, ...(auth && { auth }) });
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    server = await startServer(choice, { security: true });
    reranker = await openEncoderReranker({ tier: 'anchor', warmUp: false });
    const master = clientOf(admin);
    for (const user of [...users, 'builder'] as const) {
      const indices =
        user === 'builder' ? builder : [{ names: [index], privileges: ['read'], ...rights[user] }];
      await master.security.putRole({ name: user, indices } as Json);
      await master.security.putUser({ username: user, password, roles: [user] });
    }
    for (const user of users) {
      const grant = { grant_type: 'password', username: user, password } as const;
      const { encoded } = await master.security.grantApiKey({ ...grant, api_key: { name: user } });
      keys[user] = encoded;
    }
    const operations = Object.entries(documents).flatMap(([_id, document]) => [
      { index: { _id } },
      { ...document, note },
    ]);
    await master.indices.create({ index, settings: { number_of_replicas: 0 } });
    await master.bulk({ index, operations, refresh: true });
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await reranker?.close();
    await server?.close();
  });

  it('may build states with the rights that the documentation names, in documents and beside them', async () => {
    const calls = stateCalls(clientOf({ username: 'builder', password }), 'elasticsearch');
    const maker = stateMaker(reranker, stateCodec('anchor-fp16'));
    generation = defaultGeneration(maker);
    for (const place of [states, { kind: 'sidecar', generation } as const]) {
      const built = await buildStates({ calls, index, place, maker, fields, owner: 'test' });
      expect(built).toMatchObject({ counts: { written: 4, failed: 0 } });
    }
    await clientOf(admin).indices.refresh({ index });
  });

  /** Ways to prove who asks. */
  const proofs = {
    password: (user: User) => ({ username: user, password }),
    'API key': (user: User) => ({ apiKey: keys[user] }),
  };
  const headerOf = (auth: Json): string =>
    auth.apiKey ? `ApiKey ${auth.apiKey}` : `Basic ${btoa(`${auth.username}:${auth.password}`)}`;

  /** Each way in, shared by everybody who comes. */
  const ways: Record<
    string,
    () => Promise<{ ask(auth: Json, from?: number): Promise<Json>; close(): unknown }>
  > = {
    'the stage': async () => {
      const stage: RescoringStage<Json, Json> = rescoringStage({
        adapter: elasticsearchAdapter({ client: clientOf(), fields, states }) as Json,
        ...options(),
      });
      return {
        ask: (auth, from = 0) => {
          const { search } = elasticsearchAdapter({ client: clientOf(auth), fields, states });
          return stage.search({ index, from, ...body }, { search: search as Json });
        },
        close: () => stage.close(),
      };
    },
    'a client': async () => {
      const client = withElasticsearchReranking(clientOf(), {
        ...options(),
        fields,
        states,
        indices: [index],
      });
      return {
        ask: (auth, from = 0) =>
          client.search({ index, from, ...body }, { headers: { authorization: headerOf(auth) } }),
        close: () => {},
      };
    },
    "a client's child": async () => {
      const client = withElasticsearchReranking(clientOf(), {
        ...options(),
        fields,
        states,
        indices: [index],
      });
      return {
        ask: (auth, from = 0) =>
          client.child({ headers: { authorization: headerOf(auth) } }).search({ index, from, ...body }),
        close: () => {},
      };
    },
    'a proxy': async () => {
      const adapter = proxyAdapter({ server: 'elasticsearch', fields, states });
      const stage = rescoringStage({ adapter, ...options() });
      const parts = { adapter, stage, reranker, indices: [index] };
      const proxy: RunningProxy = await openProxy({ target: server.url, port: 0, ...parts });
      return {
        ask: async (auth, from = 0) => {
          const headers = { 'content-type': 'application/json', authorization: headerOf(auth) };
          const request = { method: 'POST', headers, body: JSON.stringify({ ...body, from }) };
          return (await fetch(`${proxy.url}/${index}/_search`, request)).json();
        },
        close: async () => {
          await proxy.close();
          await stage.close();
        },
      };
    },
  };
  const options = () => ({ reranker, secondSearch: { k: 4 } });

  describe.each(Object.keys(ways))('through %s', (name) => {
    let way: Awaited<ReturnType<(typeof ways)[string]>>;
    beforeEach(async () => {
      way = await ways[name]!();
      return async () => {
        await way.close();
      };
    });

    it.each(Object.keys(proofs) as (keyof typeof proofs)[])(
      'get what their roles show: %s',
      async (proof) => {
        // Everybody's first list is the same, and what is remembered of it: whoever comes first must change nothing.
        for (const user of callers) {
          const answer = await way.ask(proofs[proof](user));
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
      },
    );

    it('show nobody on a later page what another one saw on the first', async () => {
      expect(idsOf(await way.ask(proofs.password('full')))).toEqual(all);
      for (const from of [1, 2, 3]) {
        const page = await way.ask(proofs.password('restricted'), from);
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
    const client = clientOf(proofs.password(user));
    const stored = async (place: StatePlace): Promise<Json> => {
      const adapter = elasticsearchAdapter({ client, fields, states: place });
      const answer: Json = await rescoringStage({ adapter, reranker, cache: false }).search({
        index,
        ...body,
      });
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
