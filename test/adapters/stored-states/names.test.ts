import { describe, expect, it } from 'vitest';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import { sidecarIndex } from '../../../adapters/server.ts';
import { readText } from '../../../adapters/states/place/read-text.ts';
import { textDigest } from '../../../adapters/states/place/text-digest.ts';
import { isOwnIndex } from '../../../adapters/stored-states/names.ts';
import { textDigest as engineDigest } from '../../../engine/states/text-digest.ts';

describe('sidecarIndex', () => {
  it('is known as one of ours, also for a backing index, whose name begins with a dot', () => {
    expect(sidecarIndex('books', 'g')).toBe('books-blockrank-states-g');
    expect(sidecarIndex('.ds-events-000001', 'g')).toBe('ds-events-000001-blockrank-states-g');
    expect(isOwnIndex(sidecarIndex('books', 'g'))).toBe(true);
    expect(isOwnIndex('books')).toBe(false);
  });
});

describe('the text of a document', () => {
  const hit = {
    _id: '1',
    _source: { title: ' Wings ', tags: ['a', 'b'], author: { name: 'Ö' }, year: 1999, body: null },
  };
  const cases = [
    { fields: ['title', 'body', 'tags', 'author.name', 'year'] },
    { fields: ['body', 'title'], separator: '\n' },
    { template: '{title} ({year}): {body}' },
  ];

  it.each(cases)('is the one that the adapter gives to the model (%j)', (options) => {
    const adapter = opensearchAdapter({
      client: { search: async () => ({}), msearch: async () => ({}) } as never,
      ...options,
    });
    const plan = adapter.plan(
      { index: 'i', body: { query: { match: { body: 'x' } } } },
      { rankWindowSize: 10 },
    );
    const response = { hits: { hits: [hit] } } as never;
    const [candidate] = adapter.toShortlist(plan, response).candidates;
    expect(readText(options).of(hit)).toBe(candidate!.text);
  });

  it.each(['', 'plain', 'Größe 😀'])('has the digest that the engine gives it (%j)', (text) => {
    expect(textDigest(text)).toBe(engineDigest(text));
  });
});
