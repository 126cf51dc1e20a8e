import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type BuildOptions,
  buildStates,
  type StateMaker,
  stateCalls,
  stateIngest,
  type TransportOwner,
} from '../../adapters/server.ts';
import {
  decodeState,
  type EncoderReranker,
  openEncoderReranker,
  stateCodec,
  stateMaker,
} from '../../engine/index.ts';
import { type CliResult, runCli } from '../support/programs/run-cli.ts';
import { encodingLog, startStatesProgram } from '../support/programs/states-program.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import { type RunningServer, type ServerChoice, startServer } from '../support/servers/start.ts';
import { openStatesClient } from '../support/servers/states-clients.ts';
import { type StatesCluster, statesCluster } from '../support/servers/states-cluster.ts';
import { addressFlags } from '../support/servers/states-server.ts';
import { secondSearchSuite } from '../support/suites/second-search-suite.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

describeServers('%s, states as vectors', describeVectors);

const texts: Readonly<Record<string, string>> = {
  dogs: 'Dogs bark at strangers, fetch sticks and are loyal companions of man.',
  bread: 'Sourdough is baked from flour, water, salt and a starter of wild yeast.',
  moon: 'The moon orbits the earth once in about twenty-seven days.',
  guitar: 'A guitar has six strings that are plucked with the fingers or a pick.',
  tax: 'Income tax is due in April; late payments bear interest.',
  virus: 'Vaccines train the immune system to recognise a virus before an infection.',
  // Four blocks of the model.
  long: 'Glaciers are rivers of ice that carve valleys into mountains while they slowly flow. '.repeat(40),
};

/** What is asked, and the document that answers it. */
const questions: readonly (readonly [string, string])[] = [
  ['which animal barks', 'dogs'],
  ['how to bake a loaf', 'bread'],
  ['lunar orbital period', 'moon'],
  ['stringed instrument', 'guitar'],
  ['deadline for paying the state', 'tax'],
  ['protection against infectious disease', 'virus'],
  ['how ice shapes a landscape', 'long'],
];

function describeVectors(choice: ServerChoice): void {
  const isOpenSearch = choice.product === 'opensearch';
  const settings = isOpenSearch ? { 'index.knn': true } : {};
  const place = { kind: 'field', vector: true } as const;
  const names = { fields: ['title', 'body'] };
  let server: RunningServer;
  let cluster: StatesCluster;
  let reranker: EncoderReranker;
  let maker: StateMaker;
  let client: TransportOwner & { close(): Promise<unknown> };

  beforeAll(async () => {
    server = await startServer(choice, { ml: false });
    cluster = statesCluster(server.url);
    reranker = await openEncoderReranker({ tier: 'anchor', warmUp: false });
    maker = stateMaker(reranker, stateCodec('anchor-fp16'));
    client = openStatesClient(choice, server.url);
    await cluster.seed('articles', { documents: 0, settings });
    for (const [id, body] of Object.entries(texts)) await put(id, body);
  });
  afterAll(async () => {
    await client?.close();
    await reranker?.close();
    await server?.close();
  });

  const put = (id: string, body: string): Promise<Json> =>
    cluster.ask('PUT', `/articles/_doc/${id}`, { title: 'On', body });
  const states = (command: string, ...more: string[]): Promise<CliResult> =>
    runCli(['states', command, ...addressFlags(choice, server.url), '--to', 'field', '--json', ...more]);
  const text = ['--field', 'title,body', '--vector'];
  const report = async (command: string): Promise<Json> => {
    const more = command === 'build' ? ['--no-estimate'] : [];
    const { stdout, stderr, code } = await states(command, '--index', 'articles', ...text, ...more);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    return JSON.parse(stdout);
  };
  /** A document as it is kept, its vectors included. */
  const stored = async (id: string): Promise<Json> => {
    const exclude = choice.version.startsWith('9.') ? '?_source_exclude_vectors=false' : '';
    return (await cluster.ask('GET', `/articles/_doc/${id}${exclude}`))._source;
  };
  const search = async (vector: readonly number[]): Promise<readonly string[]> => {
    await cluster.ask('POST', '/articles/_refresh');
    const field = 'blockrank_state.vector';
    const body = isOpenSearch
      ? { query: { knn: { [field]: { vector, k: 3 } } }, size: 3 }
      : { knn: { field, query_vector: vector, k: 3, num_candidates: 20 }, size: 3 };
    const { hits } = await cluster.ask('POST', '/articles/_search', body);
    return hits.hits.map(({ _id: id }: Json) => id);
  };
  const ask = async (question: string): Promise<readonly string[]> => {
    const { query } = await reranker.encode({
      query: { text: question },
      candidates: [],
      firstStage: 'unknown',
    });
    return search([...query.anchor]);
  };
  const anchorsOf = async (body: string) => (await maker.encode([`On ${body}`]))[0]!;
  const library = (own: StateMaker = maker): BuildOptions => ({
    calls: stateCalls(client, choice.product),
    index: 'articles',
    place,
    maker: own,
    ...names,
    owner: `test:${Math.random()}`,
  });

  it('finds, by the anchor of the query, the document that answers it', async () => {
    const { estimate } = JSON.parse(
      (await states('build', '--index', 'articles', ...text, '--dry-run')).stdout,
    );
    expect(estimate.bytesPerDocument).toBeGreaterThanOrEqual(4 * 384);
    expect((await report('build')).counts).toMatchObject({ written: 7, failed: 0 });
    for (const [question, id] of questions) expect((await ask(question))[0], question).toBe(id);
  });

  it('keeps one block as its vector alone, to the last bit, and several with their state beside', async () => {
    const { blockrank_state: one } = await stored('dogs');
    const { anchors } = await anchorsOf(texts['dogs']!);
    expect(new Float32Array(one.vector)).toEqual(anchors);
    expect(one.state).toBeNull();
    const { blockrank_state: several } = await stored('long');
    const key = { encodingDigest: maker.encodingDigest, textDigest: several.text_digest };
    const { state } = decodeState(Buffer.from(several.state, 'base64'), key);
    expect(state!.blockTokens.length).toBeGreaterThan(1);
    expect(several.vector).toHaveLength(state!.width);
  });

  it('loses no vector to an update of other fields', async () => {
    await cluster.ask('POST', '/articles/_update/dogs', { doc: { views: 7 } });
    await cluster.ask('POST', '/articles/_refresh');
    await cluster.ask('POST', '/articles/_update/long', { doc: { views: 8 } });
    expect(await report('status')).toMatchObject({ documents: 7, fresh: 7 });
    expect((await ask('which animal barks'))[0]).toBe('dogs');
    expect((await ask('how ice shapes a landscape'))[0]).toBe('long');
    const { blockrank_state: one } = await stored('dogs');
    expect(new Float32Array(one.vector)).toEqual((await anchorsOf(texts['dogs']!)).anchors);
    expect((await report('build')).counts).toMatchObject({ written: 0, fresh: 7 });
  });

  it('follows a text that changes, and leaves nothing of a longer one behind', async () => {
    await cluster.ask('POST', '/articles/_update/long', { doc: { body: 'Trains run on rails.' } });
    expect(await report('status')).toMatchObject({ fresh: 6, stale: 1 });
    expect((await report('build')).counts).toMatchObject({ written: 1 });
    expect((await ask('railway'))[0]).toBe('long');
    expect((await stored('long')).blockrank_state.state).toBeNull();
  });

  it('is kept fresh by a watch', async () => {
    const more = [
      '--index',
      'articles',
      ...text,
      '--to',
      'field',
      '--json',
      '--no-estimate',
      '--interval',
      '1',
    ];
    const run = startStatesProgram('watch', [...addressFlags(choice, server.url), ...more], encodingLog());
    await run.printed(/./);
    await put('ships', 'Ships sail the sea with cargo and passengers.');
    for (;;) {
      if ((await ask('ocean transport'))[0] === 'ships') break;
      await sleep(300);
    }
    run.kill('SIGINT');
    expect(await run.ended).toMatchObject({ code: 130, stderr: '' });
  });

  it('comes with documents that are written by hand', async () => {
    const ingest = stateIngest({ maker, place, ...names });
    await ingest.prepare(stateCalls(client, choice.product), 'articles');
    const body = 'Bees collect nectar and make honey in their hives.';
    const { operations, ownItems } = await ingest.bulk([
      { index: { _index: 'articles', _id: 'bees' } },
      { title: 'On', body },
      { update: { _index: 'articles', _id: 'tax' } },
      { doc: { title: 'On', body: 'Chess is played on sixty-four squares.' } },
    ]);
    const lines = operations.map((line) => `${JSON.stringify(line)}\n`).join('');
    expect(ownItems(await cluster.ask('POST', '/_bulk?refresh=true', lines))).toMatchObject({
      errors: false,
    });
    expect((await ask('insects that make honey'))[0]).toBe('bees');
    expect((await ask('board game'))[0]).toBe('tax');
    // The watch before may have ended in the middle of a build: the first build looks at the rest of that too.
    expect((await report('build')).counts).toMatchObject({ written: 0 });
    expect((await report('build')).counts).toMatchObject({ written: 0, fresh: 9 });
  });

  it('takes what has no direction, and what is a little longer than one', async () => {
    const odd: StateMaker = {
      ...maker,
      encode: async (given) => {
        const made = await maker.encode(given);
        return made.map((state, i) => ({
          ...state,
          anchors: given[i]!.includes('nothing')
            ? state.anchors.map(() => 0)
            : state.anchors.map((x) => x * 1.002),
        }));
      },
    };
    await put('none', 'about nothing');
    await put('scaled', 'about scales');
    expect(await buildStates(library(odd))).toMatchObject({ counts: { written: 2, failed: 0 } });
    // A server that leaves vectors out of the source leaves out a vector that is none, too.
    expect((await stored('none')).blockrank_state.vector ?? null).toBeNull();
    await cluster.ask('DELETE', '/articles/_doc/none');
    await cluster.ask('DELETE', '/articles/_doc/scaled');
  });

  it('says what to do about an index that takes no vectors', async () => {
    await cluster.seed('plain', { documents: 3 });
    const { code, stderr } = await states('build', '--index', 'plain', ...text, '--no-estimate');
    expect(code).toBe(isOpenSearch ? 2 : 0);
    if (isOpenSearch) expect(stderr).toMatch(/made without "index.knn": true.*_reindex/);
  });

  secondSearchSuite({
    choice,
    url: () => server.url,
    reranker: () => reranker,
    index: async (documents) => {
      await cluster.ask('PUT', '/guides', { settings });
      for (const [id, document] of Object.entries(documents)) {
        await cluster.ask('PUT', `/guides/_doc/${id}`, document);
      }
      await buildStates({ ...library(), index: 'guides' });
      await cluster.ask('POST', '/guides/_refresh');
    },
  });

  it('is taken away with the state', async () => {
    const { stdout } = await states('drop', '--index', 'articles');
    expect(JSON.parse(stdout).removed).toEqual(['field "blockrank_state" of 9 documents of "articles"']);
    expect(await ask('which animal barks')).toEqual([]);
    expect((await stored('dogs')).blockrank_state).toBeNull();
  });
}
