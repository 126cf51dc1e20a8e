/** What `blockrank evaluate` compares: systems, budgets of time, variety, or forms of states. */
import { ConfigurationError, type Reranker, type StateCodec } from '../../../engine/index.ts';
import {
  type BudgetUse,
  budgetSystems,
  type StateSize,
  type System,
  varietySystems,
} from '../../../engine/laboratory.ts';
import type { FormSettings } from '../../compose/index.ts';
import { formsOver } from './evaluate-states.ts';
import { type EvaluatedName, openSystems } from './evaluated-systems.ts';

/** The systems that measure one collection; the sizes are complete after the measurement. */
export interface Comparison {
  readonly systems: Readonly<Record<string, System>>;
  readonly sizes?: () => ReadonlyMap<string, StateSize>;
  readonly uses?: () => ReadonlyMap<string, BudgetUse>;
  readonly distances?: () => ReadonlyMap<string, number>;
}

/** Makes the comparison of each collection. */
export interface Comparing {
  /** The comparison of one collection; each call starts anew. */
  readonly compare: () => Comparison;
  /** Frees the rerankers. */
  readonly close: () => Promise<void>;
}

/** Opens the model in a form. */
type Open = (form: FormSettings) => Promise<Reranker>;

/** The systems that were asked for. */
export async function compareSystems(names: readonly EvaluatedName[], open: Open): Promise<Comparing> {
  const { systems, close } = await openSystems(names, open);
  return { compare: () => ({ systems }), close };
}

/** The systems that were asked for, and the reranker's order within each budget. */
export async function compareBudgets(
  names: readonly EvaluatedName[],
  budgetsMs: readonly number[],
  open: Open,
): Promise<Comparing> {
  const whole = await compareSystems(names, open);
  return besides(whole, await open({}), (reranker) => budgetSystems(reranker, budgetsMs));
}

/** The systems that were asked for, and the reranker's order with variety at each lambda. */
export async function compareVariety(
  names: readonly EvaluatedName[],
  lambdas: readonly number[],
  open: Open,
): Promise<Comparing> {
  const reranker = await open({});
  if (!reranker.embedder) {
    await reranker.close();
    throw new ConfigurationError('Cannot evaluate', [
      { path: 'diversify', message: 'the model has no token embeddings that tell how alike documents are' },
    ]);
  }
  return besides(await compareSystems(names, open), reranker, (of) => varietySystems(of, lambdas));
}

/** Systems over one more reranker beside those of another comparison. */
function besides(whole: Comparing, reranker: Reranker, over: (reranker: Reranker) => Comparison): Comparing {
  return {
    compare: () => {
      const more = over(reranker);
      return { ...more, systems: { ...whole.compare().systems, ...more.systems } };
    },
    close: async () => {
      await Promise.all([whole.close(), reranker.close()]);
    },
  };
}

/** The default order over states in each form. */
export async function compareForms(codecs: readonly StateCodec[], reranker: Reranker): Promise<Comparing> {
  return { compare: () => formsOver(reranker, codecs), close: () => reranker.close() };
}
