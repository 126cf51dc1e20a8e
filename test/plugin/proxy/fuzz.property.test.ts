import { Agent } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Played,
  played,
  proxyBefore,
  type Seen,
  type Setup,
  search,
} from '../../support/doubles/proxy-setup.ts';

const answer = JSON.stringify({
  took: 1,
  hits: {
    total: { value: 2 },
    max_score: 1.5,
    hits: [
      { _id: 'a', _score: 1.5, _source: { title: 'stars' } },
      { _id: 'b', _score: 1, _source: { title: 'more "stars"' } },
    ],
  },
});
const query = JSON.stringify({ query: { match: { title: 'stars' } }, size: 5, from: 0, _source: ['title'] });

/** A text with a few places cut out, doubled, or overwritten. */
const broken = (text: string): fc.Arbitrary<string> =>
  fc
    .array(
      fc.record({
        at: fc.nat(text.length),
        length: fc.nat(12),
        put: fc.oneof(
          fc.constantFrom(
            '',
            '"',
            '{',
            '}',
            '[',
            ']',
            ',',
            ':',
            'null',
            '1e999',
            '-',
            '\\',
            '\u0000',
            '"hits":1',
          ),
          fc.string({ maxLength: 4 }),
        ),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((edits) =>
      edits.reduce((rest, { at, length, put }) => rest.slice(0, at) + put + rest.slice(at + length), text),
    );

function isJsonLines(text: string): boolean {
  return text
    .trim()
    .split('\n')
    .every((line) => typeof JSON.parse(line) === 'object');
}

let reply: string;
let seen: readonly Seen[];
let server: Played;
let setup: Setup;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  server = await played((_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(reply);
  });
  seen = server.seen;
  setup = await proxyBefore(server.url);
});

afterAll(async () => {
  agent.destroy();
  await setup.close();
  await server.close();
});

describe('a proxy given nonsense', () => {
  it('passes a broken search as it came, or one that can be read', async () => {
    reply = answer;
    await fc.assert(
      fc.asyncProperty(broken(query), fc.boolean(), async (body, isMany) => {
        const before = seen.length;
        const sent = isMany ? `{}\n${body}\n` : body;
        const path = `/products-1/_${isMany ? 'msearch' : 'search'}`;
        const { status } = await search(setup.proxy.url, path, sent, { 'content-type': 'application/json' });
        expect(status).toBe(200);
        const changed = seen.slice(before).map(({ body: got }) => got.toString());
        for (const text of changed.filter((got) => got !== sent)) expect(text).toSatisfy(isJsonLines);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives a broken answer back as it came, or the same hits in another order', async () => {
    await fc.assert(
      fc.asyncProperty(broken(answer), async (text) => {
        reply = text;
        const got = await search(setup.proxy.url, '/products-1/_search', query);
        expect(got.status).toBe(200);
        if (got.body.toString() === text) return;
        // What is not as it came was read: both are JSON, and hold the same hits.
        const ids = (json: string) =>
          (JSON.parse(json) as { hits: { hits: { _id: unknown }[] } }).hits.hits
            .map(({ _id }) => JSON.stringify(_id))
            .sort();
        expect(ids(got.body.toString())).toEqual(ids(text).slice(0, 5));
      }),
      { numRuns: 2000 },
    );
  });
});
