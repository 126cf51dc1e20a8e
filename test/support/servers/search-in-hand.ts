/** A search that was in hand when its model was undeployed. */
import type { ServerCalls } from '../../../adapters/server.ts';

/**
 * Calls to a cluster in which such a search asks each model right after its first undeployment. ML Commons then deploys the
 * model again by itself.
 */
export function withSearchInHand(calls: ServerCalls): ServerCalls {
  const asked = new Set<string>();
  return {
    server: calls.server,
    async request(request, options) {
      const answer = await calls.request(request, options);
      const id = /\/models\/([^/]+)\/_undeploy$/.exec(request.path)?.[1];
      if (id === undefined || asked.has(id)) return answer;
      asked.add(id);
      await calls.request({
        method: 'POST',
        path: `/_plugins/_ml/_predict/text_similarity/${id}`,
        body: { query_text: 'which bark', text_docs: ['dogs', 'cats'] },
      });
      return answer;
    },
  };
}
