/** Lists in bodies: how long they may be, and how much is said of what is wrong in them. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listOf, parseBody } from '../../../plugin/service/wire/wire-form.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

describe('a list', () => {
  it('of documents is counted before one of them is looked at', async () => {
    const { post } = await start({ config: { maxDocuments: 1000 } });
    const wrong = new Array<number>(50_000).fill(1);
    for (const [path, key, status] of [
      ['/v1/rerank', 'documents', 400],
      ['/jina/v1/rerank', 'documents', 422],
      ['/rerank', 'texts', 413],
    ] as const) {
      const reply = await post(path, { query: 'a', [key]: wrong });
      expect(reply.status).toBe(status);
      expect(reply.text).toContain('holds 50000 documents; at most 1000 are accepted');
    }
  });

  it('is looked at until a few of its entries are wrong', () => {
    let looked = 0;
    const never = z.custom<string>(() => {
      looked += 1;
      return false;
    }, 'expected something else');
    expect(() => parseBody(listOf(never), new Array(1000).fill('a'))).toThrow(
      /^Cannot read the request: \[0\]: expected something else; .*\[4\]: expected something else; and more\.$/,
    );
    expect(looked).toBeLessThan(10);
  });
});

describe('rank_fields', () => {
  it('are at most a hundred, whatever they are', async () => {
    const { post } = await start();
    const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `f${i}`);
    for (const path of ['/v1/rerank', '/cohere/v1/rerank']) {
      const body = { query: 'a', documents: [{ f0: 'dogs' }] };
      expect((await post(path, { ...body, rank_fields: names(100) })).status).toBe(200);
      const refused = await post(path, { ...body, rank_fields: names(101) });
      expect([refused.status, refused.json.message]).toEqual([
        400,
        'Cannot read the request: rank_fields: expected at most 100.',
      ]);
    }
  });

  it('are read once each: a name that is written twice makes no document longer', async () => {
    const reranker = fakeReranker();
    const { post } = await start({ reranker });
    const documents = [{ title: 'dogs', text: 'bark' }];
    await post('/v1/rerank', { query: 'a', documents, rank_fields: ['title', 'text', 'title'] });
    expect(reranker.calls[0]!.candidates[0]!.text).toBe('dogs\nbark');
  });
});
