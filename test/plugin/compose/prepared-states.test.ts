/** States that were left ahead of any query, found by a service that is given texts alone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReranker } from '../../../engine/index.ts';
import { composeService } from '../../../plugin/compose/index.ts';
import { toRerankerOptions } from '../../../plugin/compose/reranker-options.ts';
import { memoryLogger, postJson } from '../../support/servers/test-service.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

let model: string;
let folder: string;
beforeAll(async () => {
  model = await tinyModel();
  folder = await mkdtemp(join(tmpdir(), 'blockrank-prepared-'));
});
afterAll(async () => {
  await rm(model, { recursive: true });
  await rm(folder, { recursive: true });
});

const documents = ['the astronomer studies stars', 'a bean stew', 'a ship that sails by the stars'];
const query = 'who studies stars';
const shopKey = 'a-key-of-sixteen-letters-and-more';
const otherKey = 'another-key-of-sixteen-letters';

describe('a service over states that were prepared', () => {
  it('finds those of the tenant that asks, and no others', async () => {
    const reranker = { model, workers: 1, warmUp: false, stateFolder: join(folder, 'states') };
    const indexer = await openReranker(await toRerankerOptions(reranker));
    const prepared = documents.map((text, i) => ({ docId: `product-${i}`, text }));
    expect(await indexer.prepare!(prepared, { tenant: 'shop' })).toMatchObject({ statesEncoded: 3 });
    await indexer.close();

    const keys = [
      { tenant: 'shop', key: shopKey },
      { tenant: 'other', key: otherKey },
    ];
    const config = { reranker, service: { port: 0, keys } };
    const { service, close } = await composeService(config, memoryLogger());
    const usageOf = async (key: string): Promise<unknown> => {
      const headers = { authorization: `Bearer ${key}` };
      return (await postJson(`${service.url}/blockrank/rerank`, { query, documents }, headers)).json.usage;
    };
    try {
      expect(await usageOf(otherKey)).toMatchObject({ statesFound: 0, statesEncoded: 3 });
      expect(await usageOf(shopKey)).toMatchObject({ statesFound: 3, statesEncoded: 0 });
    } finally {
      await close();
    }
  });
});
