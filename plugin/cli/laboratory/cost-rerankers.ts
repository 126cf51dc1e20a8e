/** What `blockrank cost` measures: the names that a router may have on board, and routers themselves. */
import type { Reranker } from '../../../engine/index.ts';
import { type ChoiceContext, type OpenChoices, openRouter, type RouterConfig } from '../../compose/index.ts';
import type { CliContext } from '../context.ts';
import { type MeasuringFlags, measuredSettings, openMeasured } from '../router/measure.ts';

/**
 * The router that a name spells: `router:FOLDER`, or `router:FOLDER@MS` with what a request may cost on average, in
 * milliseconds; undefined for any other name.
 */
export function namedRouter(name: string): RouterConfig | undefined {
  const [, folder, budgetMs] = /^router:(.+?)(?:@(\d+(?:\.\d+)?))?$/.exec(name) ?? [];
  if (folder === undefined) return undefined;
  return { folder, ...(budgetMs !== undefined && { budgetMs: Number(budgetMs) }) };
}

/** Opens everything that is measured, in the order of the names. @throws ConfigurationError for what cannot be opened */
export async function openCostRerankers(
  context: CliContext,
  flags: MeasuringFlags & { readonly costs: 'cold' | 'warm' },
  onRanked: NonNullable<ChoiceContext['onRanked']>,
): Promise<OpenChoices> {
  const names = [...new Set(flags.rerankers.split(',').map((name) => name.trim()))];
  const plain = names.filter((name) => !namedRouter(name));
  const choices =
    plain.length > 0
      ? await openMeasured(context, { ...flags, rerankers: plain.join(',') }, flags.costs, onRanked)
      : undefined;
  const routers = new Map<string, Reranker>();
  const close = async (): Promise<void> => {
    await Promise.all([...routers.values()].map((router) => router.close()));
    await choices?.close();
  };
  try {
    const { settings, remotes } = await measuredSettings(context.env, flags, flags.costs);
    for (const name of names) {
      const router = namedRouter(name);
      if (router)
        routers.set(name, await openRouter({ ...settings, router: { ...router, remotes } }, onRanked));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const of = (name: string): Reranker => routers.get(name) ?? choices!.rerankers.get(name)!;
  return { rerankers: new Map(names.map((name) => [name, of(name)])), close };
}
