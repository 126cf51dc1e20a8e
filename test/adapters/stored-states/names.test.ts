import { describe, expect, it } from 'vitest';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import { sidecarIndex } from '../../../adapters/server.ts';
import { besideContent, toMade } from '../../../adapters/states/place/made-state.ts';
import { readText } from '../../../adapters/states/place/read-text.ts';
import { isOwnIndex } from '../../../adapters/stored-states/names.ts';
import { type RerankerInfo, stateCodec, stateMaker, textDigest } from '../../../engine/index.ts';

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
});

describe('the digest of a text', () => {
  // What stored states are found by. A state that was written before this build carries exactly these: if one changed,
  // every stored state would be stale, and nobody would hear of it.
  const digests = [
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['plain', 'a116c9ed46d6207734a43317d30fd88f52ac8634c37d904bbf4e41d865f90475'],
    ['Größe 😀', '11113866120cb97f3331d9608f14d1fe7873a7bed9c0f9fc17301d12053a2635'],
    // A lone surrogate has no UTF-8 form: it counts as U+FFFD.
    ['a \ud800 b', 'e0d660f3d6d2601ed21a9b46105b13bc35d37b7aa27bcdbfabbda7e6f3fecac9'],
  ] as const;

  it.each(digests)('stays what it was (%j)', (text, digest) => {
    expect(textDigest(text)).toBe(digest);
  });

  it.each(digests)('is what a stored state says of its text (%j)', (text, digest) => {
    const reranker = {
      info: { encodingDigest: '0'.repeat(32) } as RerankerInfo,
      encodeTexts: async () => [],
    };
    const maker = stateMaker(reranker, stateCodec('anchor-fp16'));
    const state = { width: 2, blockTokens: [1], anchors: Float32Array.of(1, 0), truncatedTokens: 0 };
    expect(besideContent(toMade(maker, text, state))).toMatchObject({ text_digest: digest });
  });
});
