/** What a reranker's order is worth in a given time a list: systems that answer with what they could read. */
import { applySteps } from '../compose/stepped.ts';
import type { Reranker, Shortlist } from '../contract.ts';
import { defaultScoreSteps } from '../scores/fusion.ts';
import { aligned } from './report.ts';
import type { System } from './systems.ts';

/** What the lists of one budget took. */
export interface BudgetUse {
  /** Time a list that was given, in milliseconds. */
  readonly budgetMs: number;
  /** Mean share of a list's candidates that were read, in [0, 1]. */
  readonly readShare: number;
  /** Median time of a list, in milliseconds. */
  readonly medianMs: number;
  /** Longest time of a list, in milliseconds. */
  readonly longestMs: number;
}

/** Systems of budgets, and what they took. */
export interface BudgetSystems {
  /** `within-N` for each budget of N milliseconds. */
  readonly systems: Readonly<Record<string, System>>;
  /** What the lists took that were ranked so far, by system. */
  readonly uses: () => ReadonlyMap<string, BudgetUse>;
}

interface Taken {
  readonly ms: number;
  readonly readShare: number;
}

/**
 * Systems over one reranker, which should keep no states: each list is to be cold for each budget. The first list is
 * ranked once before anything is measured, so that code is warm and the reranker knows its pace.
 */
export function budgetSystems(reranker: Reranker, budgetsMs: readonly number[]): BudgetSystems {
  const steps = defaultScoreSteps(reranker.info);
  const taken = new Map<string, Taken[]>();
  let warmed: Promise<unknown> | undefined;
  const systemOf = (name: string, budgetMs: number): System => {
    const own: Taken[] = [];
    taken.set(name, own);
    return async (shortlist, signal) => {
      const call = { readWithinMs: budgetMs, ...(signal && { signal }) };
      warmed ??= reranker.rerank(shortlist, { ...call, readWithinMs: Math.max(...budgetsMs) });
      await warmed;
      const startedMs = performance.now();
      const ranking = await reranker.rerank(shortlist, call);
      const stepped = await applySteps(ranking, shortlist, { steps, reranker, signal });
      own.push({ ms: performance.now() - startedMs, readShare: readShareOf(shortlist, ranking.usage.read) });
      return stepped.candidates.map(({ index }) => index);
    };
  };
  const names = budgetsMs.map((budgetMs) => [budgetName(budgetMs), budgetMs] as const);
  return {
    systems: Object.fromEntries(names.map(([name, budgetMs]) => [name, systemOf(name, budgetMs)])),
    uses: () => new Map(names.map(([name, budgetMs]) => [name, useOf(budgetMs, taken.get(name)!)])),
  };
}

/** The system of a budget. */
export function budgetName(budgetMs: number): string {
  return `within-${budgetMs}`;
}

function readShareOf({ candidates }: Shortlist, read: number | undefined): number {
  return read === undefined || candidates.length === 0 ? 1 : read / candidates.length;
}

function useOf(budgetMs: number, lists: readonly Taken[]): BudgetUse {
  const times = lists.map(({ ms }) => ms).sort((a, b) => a - b);
  const shares = lists.reduce((sum, { readShare }) => sum + readShare, 0);
  return {
    budgetMs,
    readShare: shares / Math.max(1, lists.length),
    medianMs: times[Math.floor(times.length / 2)] ?? 0,
    longestMs: times.at(-1) ?? 0,
  };
}

/** A table: a line a budget. */
export function toBudgetTable(uses: ReadonlyMap<string, BudgetUse>): string {
  const head = ['budget', 'documents read', 'median', 'longest'];
  const body = [...uses].map(([name, { readShare, medianMs, longestMs }]) => [
    name,
    `${(100 * readShare).toFixed(1)} %`,
    `${medianMs.toFixed(0)} ms`,
    `${longestMs.toFixed(0)} ms`,
  ]);
  return aligned([head, ...body]).join('\n');
}
