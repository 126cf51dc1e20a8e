import { describe, expect, it } from 'vitest';
import { composeServer, type ServerAdapter } from '../../../plugin/compose/index.ts';
import { parseConfig } from '../../../plugin/config/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';

/** What a configured stage would send for a search of the first page. */
async function sentFor(server: string, index: string): Promise<unknown> {
  const config = parseConfig(`${server}: { node: 'http://127.0.0.1:9' }\nindex: { ${index} }\n`, {});
  let adapter: ServerAdapter | undefined;
  const { close } = await composeServer(config, {
    env: {},
    onWarning: () => {},
    openReranker: async () => fakeReranker(),
    decorate: (same) => {
      adapter = same;
      return same;
    },
  });
  const body = { query: { match: { title: 'stars' } } };
  const plan = adapter!.plan({ index: 'articles', body }, { rankWindowSize: 100 });
  await close();
  return (plan.request['body'] as { readonly size?: number }).size;
}

describe.each(['elasticsearch', 'opensearch'])('composeServer over %s', (server) => {
  it('fetches no window beyond the limit that the file names', async () => {
    expect(await sentFor(server, 'name: articles, textFields: [title], maxResultWindow: 40')).toBe(40);
    expect(await sentFor(server, 'name: articles, textFields: [title]')).toBe(100);
  });
});
