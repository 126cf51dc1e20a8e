/** What a part of an installation adds to the plan. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import type { PlannedPart, PlanStep } from '../../install/index.ts';

/** What a part of an installation adds to the plan. */
export interface Planned {
  /** What is there, and what becomes of it. */
  readonly parts: readonly PlannedPart[];
  /** The calls, in order. */
  readonly steps: readonly PlanStep[];
  /** What the operator should know. @defaultValue nothing */
  readonly warnings?: readonly string[];
  /** What stands in the way. @defaultValue nothing */
  readonly blockers?: readonly ConfigurationIssue[];
}

/** One thing on the server. */
export function part(
  kind: string,
  name: string,
  state: PlannedPart['state'],
  differences: readonly string[] = [],
): PlannedPart {
  return { part: kind, name, state, differences };
}
