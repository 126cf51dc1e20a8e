/** Advice on a refusal of ML Commons, found by the server's words. */
import { type ServerAnswer, saidBy } from '../../install/index.ts';
import { privateSetting, trustedSetting } from './cluster-settings.ts';

/** Introduces the service's own words; without it the cluster itself refused. */
const remote = /Error from remote service/;
const keyUnknown = 'The service does not know the key: give --service-key.';
const keyRefused =
  'The service refuses this key: give another with --service-key, or a --service-model that it may use.';

const rules: readonly (readonly [RegExp, string])[] = [
  [
    /not matching the trusted connector endpoint/i,
    `Add the service's address to the cluster setting "${trustedSetting}": --set-cluster-settings does.`,
  ],
  [
    /private ip address/i,
    `Set the cluster setting "${privateSetting}" to true (--set-cluster-settings does for addresses that look private), then deploy the model again: some versions read it only then.`,
  ],
  [
    /connection refused/i,
    'The cluster reaches the host, but no service listens there: start it, or correct --service.',
  ],
  [
    /unknownhost|name or service not known|nodename nor servname|failed to resolve/i,
    "The cluster's nodes cannot resolve the service's name: give --service as they see it.",
  ],
  [/timed? ?out/i, 'The service was too slow: give it more time (--read-timeout), or more processors.'],
  [
    /certificat|ssl|pkix/i,
    "The nodes' Java does not trust the service's certificate: add its CA to their trust store, or use http inside a private network.",
  ],
  [
    /(?:BigDecimal|Integer|Long|Float) cannot be cast to class java\.lang\.Double/i,
    'The service writes whole numbers or long literals as scores, which this server cannot read: point --service at "blockrank serve", or give --reader lenient.',
  ],
  [
    /String cannot be cast|path_not_found|Expected to find an object/i,
    'The service does not answer in the form of Cohere: correct --service.',
  ],
  [
    /invalid payload/i,
    'The query is a JSON object, which the server puts into the request as it is: ask in words.',
  ],
  [/Error from remote service.*(?:\b401\b|unauthori[sz]ed|api.?key)/is, keyUnknown],
  [remote, "The words after it are the service's own: look at its log."],
  [
    /connection was closed/i,
    'The service ended the connection without an answer: check http:// against https:// in --service, then look at its log.',
  ],
  [/empty response body|No response from model/i, 'The service answered nothing: look at its log.'],
];

/** One sentence on what to do about a refusal; `undefined` when the rules know none of its words. */
export function openSearchAdvice(answer: ServerAnswer): string | undefined {
  const said = saidBy(answer);
  // The cluster passes the service's status on.
  const byStatus = remote.test(said) ? { 401: keyUnknown, 403: keyRefused }[answer.status] : undefined;
  return byStatus ?? adviceOn(said);
}

/** One sentence on what to do, by the server's words alone. */
export function adviceOn(said: string): string | undefined {
  return rules.find(([sign]) => sign.test(said))?.[1];
}
