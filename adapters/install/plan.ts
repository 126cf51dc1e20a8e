/**
 * What an installation would do, as values: it can be printed, compared and tested before anything is sent. Ids that
 * only the server knows stand in requests as `<name>` until a step's answer gives them.
 */
import type { ConfigurationIssue } from '../../engine/index.ts';
import type { ServerRequest } from '../cluster/server-calls.ts';

/** One call that changes something. */
export interface PlanStep {
  /** What it does, e.g. `create connector "blockrank"`. */
  readonly does: string;
  /** The call; `<name>` in its texts stands for what an earlier step bound. */
  readonly request: ServerRequest;
  /** What later steps take from the answer: name to property. @defaultValue nothing */
  readonly binds?: Readonly<Record<string, string>>;
  /** Whether what it acts on may be gone already (status 404). @defaultValue false */
  readonly mayBeGone?: boolean;
  /** What is waited before, in milliseconds, so that searches in hand can end. @defaultValue 0 */
  readonly pauseMs?: number;
  /** A refusal whose words hold this passes by itself: the call is repeated until it has. @defaultValue none */
  readonly repeatsOn?: RegExp;
  /** A refusal that does not end the run. @defaultValue none */
  readonly mayBeRefused?: ToleratedRefusal;
  /** What is waited for afterwards, in this order. @defaultValue nothing */
  readonly waits?: readonly Wait[];
  /** How long the answer may take, in milliseconds. @defaultValue as long as the client waits */
  readonly timeoutMs?: number;
  /** What is wrong with an answer of a good status, in words; `undefined` when nothing is. @defaultValue nothing is */
  readonly faultOf?: (body: unknown) => string | undefined;
  /** In what state a failure of this step leaves things, said behind the error. @defaultValue nothing is said */
  readonly ifItFails?: string;
  /** What takes this step back; sent when it or a later one fails, unless one of them was the same call. @defaultValue nothing */
  readonly undo?: ServerRequest;
}

/** A refusal that does not end a run. */
export interface ToleratedRefusal {
  /** What the server's words hold then. */
  readonly sign: RegExp;
  /** What the operator is told. */
  readonly note: string;
}

/** Something that the server does in its own time. */
export interface Wait {
  /** What is waited for, e.g. `the model's deployment`. */
  readonly what: string;
  /** How its state is asked. */
  readonly request: ServerRequest;
  /** Property of the answer that holds the state. */
  readonly state: string;
  /** The state that ends the wait. */
  readonly until: string;
  /** States that never become the one wanted. */
  readonly failed: readonly string[];
}

/** One thing on the server that the plan is about. */
export interface PlannedPart {
  /** Which, e.g. `connector`. */
  readonly part: string;
  /** Its name or id. */
  readonly name: string;
  /**
   * `absent`: will be made; `changed`: will be replaced; `unchanged`: nothing is sent; `surplus`: will be deleted;
   * `foreign`: somebody else made it, and it stays.
   */
  readonly state: 'absent' | 'changed' | 'unchanged' | 'surplus' | 'foreign';
  /** What would change, one line each. */
  readonly differences: readonly string[];
}

/** Everything that would be done. */
export interface InstallPlan {
  /** What is there, and what becomes of it. */
  readonly parts: readonly PlannedPart[];
  /** The calls, in order; none when nothing has to change. */
  readonly steps: readonly PlanStep[];
  /** What the operator should know. */
  readonly warnings: readonly string[];
  /** What stands in the way; nothing may be sent while there is any. */
  readonly blockers: readonly ConfigurationIssue[];
}

/** Names whose values nobody may read. */
const secretNames = new Set(['credential', 'secret_parameters', 'api_key']);

/** A copy of a call that may be shown: every secret is `***`. */
export function withoutSecrets(request: ServerRequest): ServerRequest {
  return { ...request, ...(request.body && { body: masked(request.body) as object }) };
}

function masked(value: unknown, isSecret = false): unknown {
  if (Array.isArray(value)) return value.map((one) => masked(one, isSecret));
  if (typeof value !== 'object' || value === null) return isSecret ? '***' : value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, masked(one, isSecret || secretNames.has(key))]),
  );
}

/** A call's first line: method, path and parameters. */
export function requestLine({ method, path, querystring = {} }: ServerRequest): string {
  const parameters = Object.entries(querystring).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return `${method} ${path}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
}
