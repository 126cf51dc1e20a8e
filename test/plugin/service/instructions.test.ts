import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();
const ask = (instruction?: string): object => ({ query: 'dogs', documents: ['a', 'b'], instruction });

describe.each(['/v1/rerank', '/blockrank/rerank'])('an instruction in %s', (path) => {
  it('reaches the reranker, and is part of what the cache goes by', async () => {
    const reranker = fakeReranker({ info: { takesInstructions: true } });
    const { post } = await start({ reranker });
    const cached: unknown[] = [];
    for (const instruction of [undefined, 'Find cats.', 'Find dogs.', 'Find cats.']) {
      cached.push((await post(path, ask(instruction))).headers.get('x-blockrank-cache'));
    }
    expect(cached).toEqual(['miss', 'miss', 'miss', 'hit']);
    expect(reranker.calls.map(({ query }) => query.instruction)).toEqual([
      undefined,
      'Find cats.',
      'Find dogs.',
    ]);
  });

  it('is refused where the model reads none', async () => {
    const { post } = await start();
    const { status, text } = await post(path, ask('Find cats.'));
    expect(status).toBe(400);
    expect(text).toContain('instruction: expected none');
    expect(text).not.toContain('Find cats');
  });
});
