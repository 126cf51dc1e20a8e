/** A stage over a search server that follows its configuration file. */

import { loadConfig } from '../config/load.ts';
import { watchConfig } from '../config/watch-config.ts';
import { type OwnedStage, type RescoringStage, switchableStage } from '../stage/index.ts';
import { RerankerShelf, shelfOpener } from './reranker-shelf.ts';
import { type ComposeContext, composeServer, type ServerRequest, type ServerResponse } from './server.ts';

/** Options of {@link configuredStage}. */
export interface ConfiguredStageOptions extends Partial<ComposeContext> {
  /** Whether the stage follows changes of the file. @defaultValue true */
  readonly watch?: boolean | undefined;
  /**
   * Called after every new configuration; with the error when the configuration was refused. @defaultValue a process
   * warning for refusals
   */
  readonly onReload?: ((refused: unknown) => void) | undefined;
}

/** A stage that can take another configuration. */
export interface ConfiguredStage {
  /** Searches and reranks, by the newest accepted configuration. */
  readonly stage: RescoringStage<ServerRequest, ServerResponse>;
  /**
   * Reads the file again. Opens the new parts first, gives later searches to them, and closes the old parts after their
   * last search. Resolves then.
   *
   * @throws ConfigurationError @throws ModelFormatError when the configuration cannot be taken; the stage then keeps
   * the former one.
   */
  reload(): Promise<void>;
  /** Closes stage, reranker and client, and leaves the file alone. */
  close(): Promise<void>;
}

/**
 * Opens a stage by a configuration file, and follows the file: the stage takes another model, another generation of
 * block states or another deadline while searches go on. A faulty file changes nothing.
 *
 * @throws ConfigurationError listing every faulty setting. @throws ModelFormatError when the folder holds no model.
 *
 * @example const { stage, close } = await configuredStage('blockrank.config.yaml'); const response = await
 * stage.search({ index: 'articles', query: { match: { body: 'food from sunlight' } } });
 */
export async function configuredStage(
  path: string,
  options: ConfiguredStageOptions = {},
): Promise<ConfiguredStage> {
  const { watch = true, onReload = warnOfRefusal } = options;
  const context = { env: process.env, onWarning: warn, ...options };
  const shelf = new RerankerShelf();
  const compose = async (): Promise<OwnedStage<ServerRequest, ServerResponse>> =>
    composeServer(await loadConfig(path, context.env), { ...context, openReranker: shelfOpener(shelf) });
  const watcher = watch ? watchConfig(path) : undefined;
  const first = await compose().catch((error: unknown) => {
    watcher?.close();
    throw error;
  });
  const stage = switchableStage(first);
  let last: Promise<unknown> = Promise.resolve();
  const reload = (): Promise<void> => {
    const next = last.then(async () => stage.switchTo(await compose()));
    last = next.catch(() => undefined);
    return next;
  };
  watcher?.tell(() => void reload().then(() => onReload(undefined), onReload));
  return {
    stage,
    reload,
    async close() {
      watcher?.close();
      await last;
      await stage.close();
      await shelf.close();
    },
  };
}

function warn(message: string): void {
  process.emitWarning(message, 'BlockRankWarning');
}

function warnOfRefusal(refused: unknown): void {
  if (refused === undefined) return;
  warn(
    `The configuration was refused, the one before stays in use: ${String((refused as Error).message ?? refused)}`,
  );
}
