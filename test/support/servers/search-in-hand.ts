/** A search that was in hand when its model was undeployed. */
import { vi } from 'vitest';
import type { ServerCalls } from '../../../adapters/server.ts';

/**
 * Calls to a cluster in which such a search asks each model once it is undeployed, the first time. ML Commons then deploys the
 * model again by itself, which is over when the undeployment is answered.
 */
export function withSearchInHand(calls: ServerCalls): ServerCalls {
  const asked = new Set<string>();
  const reaches = (path: string, state: string): Promise<void> =>
    vi.waitFor(
      async () => {
        const { body } = await calls.request({ method: 'GET', path });
        const found = (body as { model_state?: string }).model_state;
        if (found !== state) throw new Error(`${path} is "${found}", not "${state}"`);
      },
      { timeout: 20_000, interval: 100 },
    );
  return {
    server: calls.server,
    async request(request, options) {
      const answer = await calls.request(request, options);
      const [, path, id] = /^(.*\/models\/([^/]+))\/_undeploy$/.exec(request.path) ?? [];
      if (path === undefined || id === undefined || asked.has(id)) return answer;
      asked.add(id);
      await reaches(path, 'UNDEPLOYED');
      await calls.request({
        method: 'POST',
        path: `/_plugins/_ml/_predict/text_similarity/${id}`,
        body: { query_text: 'which bark', text_docs: ['dogs', 'cats'] },
      });
      await reaches(path, 'DEPLOYED');
      return answer;
    },
  };
}
