/** Opens the rerankers of a router: on shared workers, each once. */
import {
  ConfigurationError,
  cascadeReranker,
  defaultScoreSteps,
  firstStageReranker,
  openReranker,
  openWorkerPool,
  type RankingUsage,
  type Reranker,
  type RerankerInfo,
  remoteReranker,
  steppedReranker,
  type WorkerPool,
  wrapped,
} from '../../../engine/index.ts';
import type { RemoteConfig } from '../../config/remote-schema.ts';
import type { RerankerConfig } from '../../config/reranker-schema.ts';
import { toRerankerOptions } from '../reranker-options.ts';
import { type Choice, parseChoice } from './choice-name.ts';

/** Distance from the page's edge, in standard deviations, within which a cascade without a number reads again. */
const cascadeMargin = 0.5;

/** What names stand for on this machine. */
export interface ChoiceContext {
  /** Settings of the model, which the names vary. */
  readonly settings: RerankerConfig;
  /** Services by name. */
  readonly remotes: Readonly<Record<string, RemoteConfig>>;
  /** Path of the router in the configuration, for errors. */
  readonly path: string;
  /** Told what each ranking of a model took, those inside cascades too. @defaultValue nobody */
  readonly onRanked?: ((info: RerankerInfo, usage: RankingUsage) => void) | undefined;
}

/** Rerankers by name. */
export interface OpenChoices {
  /** In the order of the names. Closing one closes nothing. */
  readonly rerankers: ReadonlyMap<string, Reranker>;
  /** Closes all of them and their workers. */
  close(): Promise<void>;
}

/**
 * Opens the rerankers of these names, fused with a lexical first stage where the name says so. Local ones share workers.
 *
 * @throws ConfigurationError for a name that is none, a service that the configuration lacks, and a depth or tier that the
 * model does not have; the message names the reranker.
 */
export async function openChoices(names: readonly string[], context: ChoiceContext): Promise<OpenChoices> {
  const { workers, router: _none, ...settings } = context.settings;
  const pool = openWorkerPool(workers === undefined ? {} : { workers });
  const opened = new Map<string, Reranker>();
  const close = async (): Promise<void> => {
    await Promise.all([...opened.values()].map((reranker) => reranker.close()));
    await pool.close();
  };
  const open = async (name: string): Promise<Reranker> => {
    const known = opened.get(name);
    if (known) return wrapped(known, { close: async () => {} });
    const choice = choiceOf(name, context.path);
    const reranker =
      choice.kind === 'cascade'
        ? cascadeOf(choice, await open(choice.cheap), await open(choice.dear))
        : await openOne(name, choice, { ...context, settings, pool });
    opened.set(name, reranker);
    return wrapped(reranker, { close: async () => {} });
  };
  try {
    const rerankers = new Map<string, Reranker>();
    for (const name of names) rerankers.set(name, await open(name));
    return { rerankers, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function choiceOf(name: string, path: string): Choice {
  try {
    return parseChoice(name);
  } catch (cause) {
    throw new ConfigurationError('Cannot open the rerankers of the router', [
      { path, message: (cause as Error).message },
    ]);
  }
}

function cascadeOf(
  { first }: Extract<Choice, { kind: 'cascade' }>,
  cheap: Reranker,
  dear: Reranker,
): Reranker {
  return cascadeReranker({ cheap, dear, ...(first === undefined ? { margin: cascadeMargin } : { first }) });
}

async function openOne(
  name: string,
  choice: Exclude<Choice, { kind: 'cascade' }>,
  { settings, remotes, path, pool, onRanked }: ChoiceContext & { readonly pool: WorkerPool },
): Promise<Reranker> {
  if (choice.kind === 'first-stage') return firstStageReranker();
  if (choice.kind === 'remote') {
    const remote = remotes[choice.remote];
    if (remote) return remoteReranker({ ...remote, name });
    const message = `"${name}" is on board, and no service "${choice.remote}" is configured: add it to the remotes, or take the reranker off board by removing its file`;
    throw new ConfigurationError('Cannot open the rerankers of the router', [{ path, message }]);
  }
  const { tier } = choice.settings;
  // A form of states belongs to one tier; another tier takes its own default.
  const { stateCodec: _ofBase, ...base } = settings;
  const own = { ...(tier === undefined ? settings : base), ...choice.settings };
  try {
    const opened = await openReranker({ ...(await toRerankerOptions(own)), pool });
    const reranker = onRanked ? told(opened, onRanked) : opened;
    return choice.isFused ? steppedReranker(reranker, defaultScoreSteps(reranker.info)) : reranker;
  } catch (cause) {
    const message = `"${name}" cannot be opened: ${(cause as Error).message}`;
    throw new ConfigurationError('Cannot open the rerankers of the router', [{ path, message }], { cause });
  }
}

function told(reranker: Reranker, onRanked: NonNullable<ChoiceContext['onRanked']>): Reranker {
  return wrapped(reranker, {
    async rerank(shortlist, options) {
      const ranking = await reranker.rerank(shortlist, options);
      onRanked(reranker.info, ranking.usage);
      return ranking;
    },
  });
}
