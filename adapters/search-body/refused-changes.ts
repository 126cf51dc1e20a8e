/**
 * Tells when a server refused what a plan changed, with whatever status, for instance a window beyond a limit that one of
 * several indices has: then hits are missing, or the whole answer, and the user's own request would have had them.
 */
import type { Plan, PlanWarning } from '../adapter.ts';
import { answeredWith, serverReason } from '../cluster/errors.ts';
import { isObject, type JsonObject, toList } from '../cluster/json.ts';

/**
 * Types of failed shards that the request as it came may not meet with: a limit was exceeded, memory was short, what was
 * added does not go with the rest, or the server itself stumbled over it. Others are of the user's own words and scripts,
 * or of shards that are not there.
 */
const ours =
  /^(illegal_argument|illegal_state|circuit_breaking|search|fetch_phase_execution|query_phase_execution|unsupported_operation|null_pointer|class_cast|(array_)?index_out_of_bounds)_exception$/;

/** Statuses that say nothing of what was asked: who asks, what is not there, and servers that have no time. */
const notOfTheRequest: ReadonlySet<number> = new Set([401, 404, 407, 408, 502, 503, 504]);

/**
 * What was lost, and the setting to change; `undefined` when nothing was, or when nothing had been changed.
 *
 * @param answer - The response, or what the call was rejected with.
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

/** What a whole search, or an item of a multi-search, was refused with. */
function refusalIn(error: Error): readonly unknown[] {
  const { statusCode, body } = answeredWith(error);
  if (isTooLarge(error)) return [{ error: { reason: error.message } }];
  if (statusCode === undefined || statusCode < 400 || notOfTheRequest.has(statusCode)) return [];
  // Both servers refuse with 429 what would not fit; a full queue has the same status, and asking again would fill it.
  return statusCode === 429 && !isShortOfMemory(body) ? [] : [body ?? {}];
}

/** Both clients end a call whose answer is larger than their `maxResponseSize`: that of a page may not be. */
function isTooLarge(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /bigger than the maximum allowed/.test(error.message) || isTooLarge(error.cause);
}

function isShortOfMemory(body: unknown): boolean {
  return JSON.stringify(body ?? '').includes('circuit_breaking_exception');
}

/** Failures of some shards beside the hits of others: the status says nothing of them. */
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
