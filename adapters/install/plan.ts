/**
 * An installation as plain values, so that a plan can be printed, compared and tested before anything is sent. Requests
 * write `<name>` for an id that only the server knows, until a step's answer gives the id.
 */
import type { ConfigurationIssue } from '../../engine/index.ts';
import type { ServerRequest } from '../cluster/server-calls.ts';

/** One call that changes something. */
export interface PlanStep {
  /** What the step does, e.g. `create connector "blockrank"`. */
  readonly does: string;
  /** The call; `<name>` in its texts stands for what an earlier step bound. */
  readonly request: ServerRequest;
  /** Values of the answer that later steps use: name to property. @defaultValue nothing */
  readonly binds?: Readonly<Record<string, string>>;
  /** Whether the thing that the step acts on may be gone already (status 404). @defaultValue false */
  readonly mayBeGone?: boolean;
  /** Wait before the step, in milliseconds, so that searches in hand can end. @defaultValue 0 */
  readonly pauseMs?: number;
  /** A refusal that passes: the run repeats the call until it succeeds. @defaultValue none */
  readonly mayHaveToWait?: PassingRefusal;
  /** A refusal that does not end the run. @defaultValue none */
  readonly mayBeRefused?: ToleratedRefusal;
  /** What the run waits for after the step, in this order. @defaultValue nothing */
  readonly waits?: readonly Wait[];
  /** How long the answer may take, in milliseconds. @defaultValue as long as the client waits */
  readonly timeoutMs?: number;
  /** Finds the fault in an answer of a good status, in words; `undefined` when it has none. @defaultValue no check */
  readonly faultOf?: (body: unknown) => string | undefined;
  /** The state in which a failure of this step leaves the server; added to the error. @defaultValue nothing is added */
  readonly ifItFails?: string;
  /**
   * The call that takes this step back; sent when this or a later step fails, unless one of them was the same call.
   * @defaultValue nothing
   */
  readonly undo?: ServerRequest;
}

/** A refusal that passes with time. */
export interface PassingRefusal {
  /** Words by which the refusal is known. */
  readonly sign: RegExp;
  /** The call that removes what stands in the way, sent before each repetition; its answer does not count. */
  readonly remedy: ServerRequest;
}

/** A refusal that does not end a run. */
export interface ToleratedRefusal {
  /** Words by which the refusal is known. */
  readonly sign: RegExp;
  /** The note to the operator. */
  readonly note: string;
}

/** Something that the server does in its own time. */
export interface Wait {
  /** The thing that the run waits for, e.g. `the model's deployment`. */
  readonly what: string;
  /** The call that asks for its state. */
  readonly request: ServerRequest;
  /** Property of the answer that holds the state. */
  readonly state: string;
  /** The state that ends the wait. */
  readonly until: string;
  /** States that never turn into the wanted one. */
  readonly failed: readonly string[];
}

/** One thing on the server that a plan makes, changes or deletes. */
export interface PlannedPart {
  /** Its kind, e.g. `connector`. */
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
  /** Each thing on the server, and what the plan does with it. */
  readonly parts: readonly PlannedPart[];
  /** The calls, in order; empty when nothing has to change. */
  readonly steps: readonly PlanStep[];
  /** What the operator should know. */
  readonly warnings: readonly string[];
  /** Issues that stand in the way; while there are any, nothing may be sent. */
  readonly blockers: readonly ConfigurationIssue[];
}

/** Names of properties whose values are secret. */
const secretNames = new Set(['credential', 'secret_parameters', 'api_key']);

/** A copy of a call that is safe to show: every secret is `***`. */
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
