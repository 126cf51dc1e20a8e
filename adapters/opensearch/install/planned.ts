/** The piece of a plan that one part of an installation adds. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import type { PlannedPart, PlanStep } from '../../install/index.ts';

/** What a part of an installation adds to the plan. */
export interface Planned {
  /** Each thing on the server, and what the plan does with it. */
  readonly parts: readonly PlannedPart[];
  /** The calls, in order. */
  readonly steps: readonly PlanStep[];
  /** What the operator should know. @defaultValue nothing */
  readonly warnings?: readonly string[];
  /** Issues that stand in the way. @defaultValue nothing */
  readonly blockers?: readonly ConfigurationIssue[];
}

/** Makes the entry of a plan for one thing on the server. */
export function part(
  kind: string,
  name: string,
  state: PlannedPart['state'],
  differences: readonly string[] = [],
): PlannedPart {
  return { part: kind, name, state, differences };
}
