import type { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client } from '@opensearch-project/opensearch';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buildStates,
  type IngestOptions,
  type StateIngest,
  stateCalls,
  stateIngest,
  type TransportOwner,
} from '../../../../adapters/server.ts';
import { partOf, withProperty } from '../../../../adapters/states/ingest/lines.ts';
import { textDigest } from '../../../../engine/text-digest.ts';
import { type StatesDouble, startStatesDouble } from '../../../support/doubles/states-double.ts';
import {
  buildOver,
  encodingName,
  fill,
  quickMaker,
  sidecar,
  unfresh,
} from '../../../support/doubles/states-fixture.ts';

let double: StatesDouble;
let client: Client;
beforeEach(async () => {
  double = await startStatesDouble();
  client = new Client({ node: double.url });
});
afterEach(async () => {
  await client.close();
  await double.close();
});

const beside = { kind: 'sidecar', generation: 'g' } as const;
const inside = { kind: 'field' } as const;
const calls = () => stateCalls(client as unknown as TransportOwner, 'opensearch');

async function open(more: Partial<IngestOptions> = {}): Promise<StateIngest> {
  const ingest = stateIngest({ maker: quickMaker(), place: beside, fields: ['title', 'body'], ...more });
  if (!double.mapping('docs')) double.make('docs');
  await ingest.prepare(calls(), 'docs');
  return ingest;
}

const stateOf = (text: string) => ({
  state: 'AQID',
  encoding: encodingName,
  text_digest: textDigest(text),
});
const book = { title: 'a', body: 'b' };

/** The test fails when anything is written to. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) frozen(each);
    Object.freeze(value);
  }
  return value;
}

describe('stateIngest, beside the documents', () => {
  it('adds an operation for each document that is written whole under an id, and changes none', async () => {
    const ingest = await open();
    const given = frozen([
      { index: { _index: 'docs', _id: '1', routing: 'r' } },
      book,
      { create: { _index: 'docs', _id: '2' } },
      { title: 'c' },
      { index: { _index: 'docs' } },
      book,
      { index: { _index: 'docs', _id: '3', if_seq_no: 4, if_primary_term: 1 } },
      book,
      { index: { _index: 'logs', _id: '4' } },
      book,
      { delete: { _index: 'docs', _id: '5', routing: 'r' } },
    ]);
    const { operations, states } = await ingest.bulk(given);
    expect(operations).toEqual([
      given[0],
      book,
      { index: { _index: sidecar, _id: '1', routing: 'r' } },
      stateOf('a b'),
      given[2],
      { title: 'c' },
      // What is there already is not replaced by the state of a document that is refused.
      { create: { _index: sidecar, _id: '2' } },
      stateOf('c'),
      // Without an id, under a condition, or of another index: nobody knows yet where, whether, or with what.
      ...given.slice(4, 10),
      given[10],
      { delete: { _index: sidecar, _id: '5', routing: 'r' } },
    ]);
    expect(states).toBe(2);
    // The other client takes them as they are.
    const request: Parameters<ElasticsearchClient['bulk']>[0] = { operations };
    expect(request).toBeDefined();
  });

  it('writes the state of an update that says all of the text, and of no other', async () => {
    const ingest = await open();
    const update = (id: string) => ({ update: { _index: 'docs', _id: id } });
    const given = [
      update('whole'),
      { doc: { ...book, views: 1 }, doc_as_upsert: true },
      update('part'),
      { doc: { title: 'a' } },
      update('script'),
      { script: { source: 'x' } },
      update('either'),
      { doc: book, upsert: { title: 'new' } },
    ];
    const { operations } = await ingest.bulk(given);
    expect(operations).toEqual([
      ...given.slice(0, 2),
      { index: { _index: sidecar, _id: 'whole' } },
      stateOf('a b'),
      ...given.slice(2),
    ]);
  });

  it('gives the response as if nothing had been added', async () => {
    const ingest = await open();
    double.itemFault = (id, index) =>
      id === '2' || (id === '1' && index === sidecar)
        ? { status: 400, body: { error: { type: 'odd', reason: `${index} ${id}` } } }
        : undefined;
    const { operations, ownItems, stateErrors } = await ingest.bulk(
      [{ index: { _id: '1' } }, book, { index: { _id: '2' } }, book, { index: {} }, book],
      { index: 'docs' },
    );
    const named = operations.map((line) =>
      'index' in line ? { index: { _index: 'docs', ...(line['index'] as object) } } : line,
    );
    const response = await client.bulk({ body: named });
    const own = ownItems(response);
    expect(own.body.items.map((item) => item.index!.status)).toEqual([200, 400, 200]);
    expect(own).toMatchObject({ statusCode: 200, body: { errors: true } });
    expect(stateErrors(response)).toMatchObject([
      { index: { error: { reason: `${sidecar} 1` } } },
      { index: { error: { reason: `${sidecar} 2` } } },
    ]);
    expect(response.body.items).toHaveLength(5);
    // As the other client gives it.
    expect(ownItems(response.body).items).toHaveLength(3);
    expect(() => ownItems({ items: [] })).toThrow(/response to 5 operations, got 0 items/);
  });

  it('takes and gives lines of JSON, with every digit', async () => {
    const ingest = await open();
    const lines =
      '{"index":{"_index":"docs","_id":"1"}}\n{"title":"a", "body":"b","n":12345678901234567890}\n\n';
    for (const given of [lines, Buffer.from(lines), lines.split('\n')]) {
      const { operations } = await ingest.bulk(given);
      expect(operations).toEqual([
        ...lines.trim().split('\n'),
        JSON.stringify({ index: { _index: sidecar, _id: '1' } }),
        JSON.stringify(stateOf('a b')),
      ]);
    }
  });

  it('writes beside the index that an alias writes to, and says where nobody can', async () => {
    double.make('docs-1');
    double.make('docs-2');
    double.alias('one', 'docs-1');
    double.alias('both', 'docs-1', 'docs-2');
    double.make('.ds-events-1');
    double.alias('events', '.ds-events-1');
    const ingest = await open();
    await ingest.prepare(calls(), 'one');
    const { operations } = await ingest.bulk([{ index: { _index: 'one', _id: '1' } }, book]);
    expect(operations[2]).toEqual({ index: { _index: 'docs-1-blockrank-states-g', _id: '1' } });
    for (const name of ['both', 'events']) {
      await expect(ingest.prepare(calls(), name)).rejects.toThrow(
        /keep states in the documents, or leave them/,
      );
    }
    double.writeAlias('both', 'docs-2');
    await ingest.prepare(calls(), 'both');
    const written = await ingest.bulk([{ index: { _index: 'both', _id: '1' } }, book]);
    expect(written.operations[2]).toEqual({ index: { _index: 'docs-2-blockrank-states-g', _id: '1' } });
    await expect(ingest.prepare(calls(), 'nothing')).rejects.toThrow(/Check the name of the index/);
  });

  it('leaves a build nothing to do, which also mends what was overtaken', async () => {
    const ingest = await open();
    const { operations } = await ingest.bulk(
      [1, 2, 3].flatMap((i) => [
        { index: { _index: 'docs', _id: `d${i}` } },
        { title: `t${i}`, body: `b${i}` },
      ]),
    );
    await client.bulk({ body: operations });
    const maker = quickMaker();
    await buildStates(buildOver(double, { maker }));
    expect(maker.encoded).toEqual([]);
    // Two writers raced: the document is of the one, the state of the other.
    double.write('docs', 'd1', { title: 'theirs', body: 'b1' });
    await buildStates(buildOver(double, { maker }));
    expect(maker.encoded).toEqual(['theirs b1']);
    expect(unfresh(double)).toEqual([]);
  });

  it('is not overtaken by a build that read the document before', async () => {
    fill(double, 3);
    const ingest = await open();
    const maker = quickMaker();
    let isFirst = true;
    const overtaken = {
      ...maker,
      async encode(texts: readonly string[]) {
        if (isFirst) {
          isFirst = false;
          const newer = { title: 'newer', body: 'words' };
          const { operations } = await ingest.bulk([{ index: { _index: 'docs', _id: 'd1' } }, newer]);
          await client.bulk({ body: operations });
        }
        return maker.encode(texts);
      },
    };
    const { counts } = await buildStates(buildOver(double, { maker: overtaken }));
    expect(counts).toMatchObject({ conflicts: 1 });
    expect(unfresh(double)).toEqual([]);
  });
});

describe('stateIngest, in the documents', () => {
  it('puts the state into each document, with or without an id', async () => {
    const ingest = await open({ place: inside });
    const given = frozen([
      { index: { _index: 'docs', _id: '1' } },
      { ...book, blockrank_state: { state: 'old' } },
      { create: { _index: 'docs' } },
      { title: 'c', when: new Date(0) },
      { delete: { _index: 'docs', _id: '1' } },
    ]);
    const { operations, states } = await ingest.bulk(given);
    expect(operations).toEqual([
      given[0],
      { ...book, blockrank_state: stateOf('a b') },
      given[2],
      { title: 'c', when: new Date(0), blockrank_state: stateOf('c') },
      given[4],
    ]);
    expect(states).toBe(2);
  });

  it('puts it into an update that says all of the text, and into what it may insert', async () => {
    const ingest = await open({ place: inside });
    const action = { update: { _index: 'docs', _id: '1' } };
    const { operations } = await ingest.bulk([
      action,
      frozen({ doc: book, upsert: { title: 'new' }, detect_noop: true }),
      action,
      { doc: { body: 'b' } },
    ]);
    expect(operations).toEqual([
      action,
      {
        doc: { ...book, blockrank_state: stateOf('a b') },
        upsert: { title: 'new', blockrank_state: stateOf('new') },
        detect_noop: true,
      },
      action,
      { doc: { body: 'b' } },
    ]);
  });

  it('keeps lines of JSON as they are but for the state', async () => {
    const ingest = await open({ place: inside });
    const state = JSON.stringify(stateOf('a b'));
    const { operations } = await ingest.bulk(
      [
        '{"index":{"_index":"docs","_id":"1"}}',
        '{"title":"a","body":"b","n":1.0 }',
        '{"index":{"_index":"docs","_id":"2"}}',
        '{"n":1.0,"blockrank_state":{"state":"old","x":[1,{"y":"}"}]},"title":"a","body":"b"}',
        '{"update":{"_index":"docs","_id":"3"}}',
        '{ "doc": {"title":"a","body":"b","n":12345678901234567890}, "detect_noop": false }',
      ].join('\n'),
    );
    expect(operations.filter((_, i) => i % 2 === 1)).toEqual([
      `{"title":"a","body":"b","n":1.0,"blockrank_state":${state}}`,
      `{"n":1.0,"blockrank_state":${state},"title":"a","body":"b"}`,
      `{ "doc": {"title":"a","body":"b","n":12345678901234567890,"blockrank_state":${state}}, "detect_noop": false }`,
    ]);
  });

  it('reads the text as the server will: dotted paths, values with a form of their own', async () => {
    const maker = quickMaker();
    const ingest = await open({ place: inside, maker, fields: ['author.name', 'year', 'day'] });
    class Day {
      toJSON(): object {
        return { author: { name: 'x' }, day: 'monday' };
      }
    }
    const update = { update: { _index: 'docs', _id: '1' } };
    await ingest.bulk([
      { index: { _index: 'docs' } },
      new Day(),
      { index: { _index: 'docs' } },
      { 'author.name': 'y', year: 7n, day: new Date(0) },
      update,
      { doc: { author: { name: 'z' }, year: 1, day: null } },
    ]);
    expect(maker.encoded).toEqual(['x monday', 'y 7 1970-01-01T00:00:00.000Z', 'z 1']);
  });
});

describe('stateIngest', () => {
  it('gives one document with its state, wherever that is kept', async () => {
    const nearby = await open();
    const target = { index: 'docs', id: '7', routing: 'r' };
    expect(await nearby.document(target, book)).toEqual({
      document: book,
      state: { index: sidecar, id: '7', routing: 'r', document: stateOf('a b') },
    });
    expect(await nearby.document({ index: 'docs' }, book)).toEqual({ document: book });
    const within = await open({ place: inside });
    expect(await within.document({ index: 'docs' }, book)).toEqual({
      document: { ...book, blockrank_state: stateOf('a b') },
    });
    await expect(within.document({ index: 'other' }, book)).rejects.toThrow(/prepared, got "other"/);
  });

  it.each([beside, inside])("feeds the clients' bulk helpers, a batch at a time (%j)", async (place) => {
    const maker = quickMaker();
    const ingest = await open({ maker, place, batch: 3 });
    let given = 0;
    async function* books(): AsyncGenerator<{ id: number; title: string; body: string }> {
      for (let i = 0; i < 8; i += 1) {
        // Not all of them are read before the first is encoded.
        expect(i - maker.encoded.length).toBeLessThanOrEqual(6);
        given += 1;
        yield { id: i, title: `t${i}`, body: `b${i}` };
      }
    }
    const actionOf = ({ id }: { id: number }) => ({ index: { _index: 'docs', _id: `d${id}` } });
    const { total, failed } = await client.helpers.bulk(ingest.documents(books(), actionOf));
    expect({ given, failed, total }).toEqual({ given: 8, failed: 0, total: place === beside ? 16 : 8 });
    const stored = double.documents(place === beside ? sidecar : 'docs').get('d5')!.source;
    expect(place === beside ? stored : stored.blockrank_state).toEqual(stateOf('t5 b5'));
    // The other client's helper takes the same.
    const options: Parameters<ElasticsearchClient['helpers']['bulk']>[0] = ingest.documents([], () => ({}));
    expect(typeof options.onDocument).toBe('function');
  });

  it('deletes with the helper what it deletes', async () => {
    fill(double, 3);
    const ingest = await open();
    await buildStates(buildOver(double));
    const actionOf = ({ id }: { id: string }) => ({ delete: { _index: 'docs', _id: id } });
    await client.helpers.bulk(ingest.documents([{ id: 'd1' }], actionOf));
    expect([...double.documents('docs').keys()]).toEqual(['d0', 'd2']);
    expect([...double.documents(sidecar).keys()]).toEqual(['d0', 'd2']);
  });

  it.each([
    [[{ index: {} }], /expected a document at 1, got nothing/],
    [[{ put: {} }, {}], /expected an action \(index, create, update, delete\) at 0, got \{"put":\{\}\}/],
    [['{"index":'], /expected an object at 0, got "\{\\"index\\":"/],
    [[7], /expected an object or a line of JSON at 0, got 7/],
  ])('refuses what is no bulk request: %j', async (operations, message) => {
    const ingest = await open();
    await expect(ingest.bulk(operations as never)).rejects.toThrow(message);
  });
});

describe('withProperty', () => {
  const names = fc.constantFrom('state', 'a', 'b"', '\\', '');
  const objects = fc.dictionary(names, fc.jsonValue());

  it('makes of a line what it makes of the object', () => {
    fc.assert(
      fc.property(
        objects,
        names,
        fc.dictionary(names, fc.integer()),
        fc.nat(2),
        (object, name, value, space) => {
          const line = JSON.stringify(object, undefined, space);
          expect(JSON.parse(withProperty(line, name, value) as string)).toEqual(
            JSON.parse(JSON.stringify(withProperty(object, name, value))),
          );
          const part = partOf(line, name);
          expect(part === undefined ? part : JSON.parse(part as string)).toEqual(
            partOf(JSON.parse(line), name),
          );
        },
      ),
    );
  });
});
