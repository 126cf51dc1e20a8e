/**
 * Tells when a server refused a plan's change, with any status; for instance when the window exceeds a limit of one
 * among several indices. Then hits are missing, or the whole answer, which the user's own request would have got.
 */
import type { Plan, PlanWarning } from '../adapter.ts';
import { answeredWith, serverReason } from '../cluster/errors.ts';
import { isObject, type JsonObject, toList } from '../cluster/json.ts';

/**
 * Types of shard failures that our changes may cause: an exceeded limit, lack of memory, an addition that does not fit
 * the request, or a fault in the server. All other types come from the user's own words and scripts, or from missing
 * shards.
 */
const ours =
  /^(illegal_argument|illegal_state|circuit_breaking|search|fetch_phase_execution|query_phase_execution|unsupported_operation|null_pointer|class_cast|(array_)?index_out_of_bounds)_exception$/;

/** Statuses that do not judge the request: missing rights, missing indices, and busy servers. */
const notOfTheRequest: ReadonlySet<number> = new Set([401, 404, 407, 408, 502, 503, 504]);

/**
 * The warning that names what was lost and the setting to change; `undefined` when nothing was lost, or the plan had
 * changed nothing.
 *
 * @param answer - The response, or the error that the call rejected with.
 */
export function refusedChanges(plan: Plan<object>, answer: unknown): PlanWarning | undefined {
  if (plan.request === plan.original) return undefined;
  const refusals = answer instanceof Error ? refusalIn(answer) : shardRefusals(answer);
  if (refusals.length === 0) return undefined;
  const setting = settingIn(JSON.stringify(refusals));
  const what = answer instanceof Error ? 'the search' : 'a part of the search';
  const said = saidIn(refusals[0]);
  return {
    code: setting === windowSetting ? 'max-result-window' : 'refused-changes',
    message: `The server refused ${what} as it was changed for reranking${said}, and was asked as the search came: ${adviceOn(setting)}, or lower rankWindowSize (${plan.rankWindowSize}).`,
  };
}

/** The server's own words, in brackets. */
function saidIn(refusal: unknown): string {
  const reason = isObject(refusal) && isObject(refusal['reason']) ? { error: refusal['reason'] } : refusal;
  const said = serverReason(reason);
  return said === undefined ? '' : ` (${said.slice(0, 300)})`;
}

function adviceOn(setting: string | undefined): string {
  if (setting === undefined) return 'see what it said';
  if (setting !== windowSetting) return `raise "${setting}"`;
  return `where an index has a smaller "${windowSetting}", give its value as maxResultWindow, or raise it`;
}

const windowSetting = 'index.max_result_window';

/** Both servers name the setting of a limit in brackets. */
function settingIn(said: string): string | undefined {
  return /\[(index\.[\w.]+)\]/.exec(said)?.[1];
}

/** The bodies with which the server refused a whole search, or an item of a multi-search. */
function refusalIn(error: Error): readonly unknown[] {
  const { statusCode, body } = answeredWith(error);
  if (isTooLarge(error)) return [{ error: { reason: error.message } }];
  if (statusCode === undefined || statusCode < 400 || notOfTheRequest.has(statusCode)) return [];
  // Both servers answer 429 to requests that exceed their memory. A full queue has the same status, and asking again
  // would only fill it more.
  return statusCode === 429 && !isShortOfMemory(body) ? [] : [body ?? {}];
}

/**
 * Both clients end a call whose answer exceeds their `maxResponseSize`; the answer to the user's own page may be
 * smaller.
 */
function isTooLarge(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /bigger than the maximum allowed/.test(error.message) || isTooLarge(error.cause);
}

function isShortOfMemory(body: unknown): boolean {
  return JSON.stringify(body ?? '').includes('circuit_breaking_exception');
}

/** Failures of some shards beside the hits of others; such an answer has a good status. */
function shardRefusals(response: unknown): readonly unknown[] {
  if (!isObject(response)) return [];
  const { _shards: shards, _clusters: clusters } = response;
  const details = isObject(clusters) && isObject(clusters['details']) ? clusters['details'] : {};
  const failures = [shards, ...Object.values(details)]
    .filter(isObject)
    .flatMap((part) => toList(part['failures']));
  return failures.filter(isObject).filter(({ reason }) => isObject(reason) && isOurs(reason));
}

function isOurs({ type, caused_by: cause }: JsonObject): boolean {
  return (typeof type === 'string' && ours.test(type)) || (isObject(cause) && isOurs(cause));
}
