/** Advice on a refusal of the inference API, found by the server's words. */
import { type ServerAnswer, saidBy } from '../../install/index.ts';

// A status is the service's only after the words that introduce it; without them the cluster itself refused.
const rules: readonly (readonly [RegExp, string])[] = [
  [
    /non-compliant for|license_expiration|license is non/i,
    'Inference endpoints need an Enterprise licence or a trial; "blockrank proxy" works under any.',
  ],
  [/already exists/i, 'Somebody made it at the same time: run this again.'],
  [
    /is referenced by|currently referenced|being used/i,
    'Something refers to it: give --force to delete it all the same.',
  ],
  [
    /request from inference entity id.*status \[401\]/is,
    'The service does not know the key: give --service-key, with --force if the endpoint is there already.',
  ],
  [
    /request from inference entity id.*status \[403\]/is,
    'The service refuses this key: give another with --service-key, or a --service-model that it may use.',
  ],
  [
    /validation call to service threw/i,
    'The cluster asked the service and failed: check that it runs, that --service is its address as the nodes see it, and the key.',
  ],
  [
    /connection refused|connect timed out|unknownhost|failed to send/i,
    'The nodes cannot reach the service: check --service and that it runs.',
  ],
  [
    /top_n|template|placeholder/i,
    'The endpoint\'s template asks for what this request does not hold: make it again with "blockrank install elasticsearch --force".',
  ],
];

/** One sentence on what to do about a refusal; `undefined` when the rules know none of its words. */
export function elasticsearchAdvice(answer: ServerAnswer): string | undefined {
  const said = saidBy(answer);
  return rules.find(([sign]) => sign.test(said))?.[1];
}
