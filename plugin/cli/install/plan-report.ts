/** Writes plans and their steps as text and as JSON. */
import {
  type InstallPlan,
  type PlannedPart,
  type PlanStep,
  requestLine,
  withoutSecrets,
} from '../../../adapters/server.ts';
import { ConfigurationError } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

const meanings: Readonly<Record<PlannedPart['state'], string>> = {
  absent: 'absent: will be made',
  changed: 'differs: will be changed',
  unchanged: 'as wanted',
  surplus: 'will be deleted',
  foreign: 'somebody else made it: it stays',
};

/** The parts of a plan, with a line for each part and for each difference. */
export function partLines({ parts }: InstallPlan): string[] {
  if (parts.length === 0) return ['  nothing is there'];
  const width = Math.max(...parts.map(({ part }) => part.length));
  return parts.flatMap(({ part, name, state, differences }) => [
    `  ${part.padEnd(width)}  ${name}: ${meanings[state]}`,
    ...differences.map((line) => `  ${' '.repeat(width)}    ${line}`),
  ]);
}

/** The exact calls, secrets masked. */
function requestLines({ steps }: InstallPlan): string[] {
  if (steps.length === 0) return ['  none: nothing has to change'];
  return steps.flatMap(({ does, request }) => {
    const body = request.body && JSON.stringify(withoutSecrets(request).body, undefined, 2);
    return [
      `  # ${does}`,
      `  ${requestLine(request)}`,
      ...(body ? body.split('\n').map((line) => `  ${line}`) : []),
    ];
  });
}

/** A plan as JSON: parts, calls, warnings, and blockers. */
export function planJson(plan: InstallPlan): object {
  return {
    parts: plan.parts,
    requests: plan.steps.map(({ does, request }) => ({ does, ...withoutSecrets(request) })),
    warnings: plan.warnings,
    blockers: plan.blockers,
  };
}

/** Tells on standard error which step is next, and how long the run waits before it. */
export function noteStep(context: CliContext, { does, pauseMs = 0 }: PlanStep): void {
  const pause =
    pauseMs > 0 ? ` (in ${Math.ceil(pauseMs / 1000)} s, when the searches in hand have ended)` : '';
  context.note(`blockrank: ${does}${pause}`);
}

/** Tells the warnings on standard error. */
export function noteWarnings(context: CliContext, { warnings }: Pick<InstallPlan, 'warnings'>): void {
  for (const warning of warnings) context.note(`warning: ${warning}`);
}

/** Throws when a plan has blockers. @throws ConfigurationError listing every blocker. */
export function throwBlockers({ blockers }: InstallPlan, what: string): void {
  if (blockers.length > 0) throw new ConfigurationError(`Cannot ${what}`, blockers);
}

/** Prints a plan without running it. @throws ConfigurationError when the plan has blockers. */
export function printDryRun(
  context: CliContext,
  plan: InstallPlan,
  { what, server, json }: { readonly what: string; readonly server: string; readonly json: true | undefined },
): void {
  if (json) context.printJson({ server, dryRun: true, ...planJson(plan) });
  else {
    context.print(`${server}\n${partLines(plan).join('\n')}\n\nRequests that would be sent:`);
    context.print(requestLines(plan).join('\n'));
  }
  noteWarnings(context, plan);
  throwBlockers(plan, what);
}
