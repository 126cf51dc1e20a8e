/**
 * Tells when a server refused what a plan changed, for instance a window beyond a limit that one of several indices
 * has: then hits are missing, or the whole answer, and the user's own request would have had them.
 */
import type { Plan, PlanWarning } from '../adapter.ts';
import { answeredWith } from '../cluster/errors.ts';
import { isObject, type JsonObject, toList } from '../cluster/json.ts';

/** Types of what a smaller request would not have met with: a limit was exceeded, or memory was short. */
const costly = /^(illegal_argument|circuit_breaking)_exception$/;

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
  return {
    code: setting === windowSetting ? 'max-result-window' : 'refused-changes',
    message: `The server refused ${what} as it was changed for reranking, and was asked as the search came: ${adviceOn(setting)}, or lower rankWindowSize (${plan.rankWindowSize}).`,
  };
}

function adviceOn(setting: string | undefined): string {
  if (setting !== undefined && setting !== windowSetting) return `raise "${setting}"`;
  const one = setting === undefined ? 'a limit of one index, such as' : 'where an index has a smaller';
  return `${one} "${windowSetting}", give its value as maxResultWindow, or raise it`;
}

const windowSetting = 'index.max_result_window';

/** Both servers name the setting of a limit in brackets. */
function settingIn(said: string): string | undefined {
  return /\[(index\.[\w.]+)\]/.exec(said)?.[1];
}

/** What a whole search, or an item of a multi-search, was refused with. */
function refusalIn(error: Error): readonly unknown[] {
  const { statusCode, body } = answeredWith(error);
  // Both servers refuse with 429 what would not fit; a full queue has the same status, and asking again would fill it.
  const isCostly = statusCode === 400 || (statusCode === 429 && isShortOfMemory(body));
  return isCostly ? [body ?? {}] : [];
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
  return failures.filter(isObject).filter(({ reason }) => isObject(reason) && isCostly(reason));
}

function isCostly({ type, caused_by: cause }: JsonObject): boolean {
  return (typeof type === 'string' && costly.test(type)) || (isObject(cause) && isCostly(cause));
}
