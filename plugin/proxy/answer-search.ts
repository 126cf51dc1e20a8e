/**
 * Leads one search through the proxy: receives it, decides by its indices whether to rerank it, takes slots, lets the
 * stage plan it, asks the cluster, lets the stage rerank the hits, and answers the caller. Wherever these steps end
 * early, the cluster's own answer goes back.
 */
import type { StageWish } from '../stage/index.ts';
import type { Exchange } from './forward.ts';
import { giveAnswer } from './give-answer.ts';
import { pass, passUnread, refuse, type Treatment } from './pass.ts';
import { receiveSearch } from './receive-search.ts';
import { recover } from './recover.ts';
import { rerankSearches } from './rerank-searches.ts';
import { openRun, type SearchParts } from './search-run.ts';
import { overloaded } from './server-error.ts';
import { takeSlots } from './take-slots.ts';
import { wantedSearches } from './wanted-searches.ts';

/** Reads a search and answers it. Settles when the answer is sent or the caller is gone; never rejects. */
export async function answerSearch(
  parts: SearchParts,
  asked: Exchange,
  wish: StageWish | true | undefined,
): Promise<Treatment> {
  const { exchange, read, search } = await receiveSearch(asked, parts.maxSearchBytes);
  // A caller that leaves in the middle of its request gets no answer.
  if (!read) return 'passed';
  if (!search) return passUnread(parts, exchange, wish, read);
  const wanted = wantedSearches(search, parts.indices, wish);
  if (!wanted.includes(true)) return pass(parts, exchange, read);
  const run = openRun({ exchange, read, search }, { wanted, wish: wish === true ? {} : (wish ?? {}) });
  try {
    if (takeSlots(parts, run)) return await giveAnswer(parts, run, await rerankSearches(parts, run));
    if (!parts.isFailOpen) return refuse(exchange, overloaded(), 'overloaded');
    return await pass(parts, exchange, read, 'overloaded');
  } catch (error) {
    return await recover(parts, run, error);
  } finally {
    run.close();
  }
}
