/** One page of documents: which states are missing, encoding those, writing them. */
import { FirstStageError, type StateMaker } from '../../engine/index.ts';
import { type BulkOutcome, bulk } from './bulk.ts';
import type { Cluster } from './cluster.ts';
import type { Place, ScannedDocument, StateEntry, StateNames, StateStore, WriteMark } from './contract.ts';
import type { BuildCounts } from './counts.ts';
import { encodingOf } from './names.ts';
import type { Pace } from './pace.ts';
import { textDigest } from './text-digest.ts';

/** How a stored state stands to its document: `newer` when it was made from a later version than the one at hand. */
export type StateStanding = 'fresh' | 'missing' | 'stale' | 'foreign' | 'newer' | 'gone';

/** What a page is built with. */
export interface PageTools {
  /** The server. */
  readonly cluster: Cluster;
  /** Where states are kept. */
  readonly store: StateStore;
  /** Makes states. */
  readonly maker: StateMaker;
  /** Keeps to a rate. */
  readonly pace: Pace;
}

/** What became of a page. */
export interface PageResult {
  /** Its documents. */
  readonly counts: BuildCounts;
  /** What the server said of the first state that it would not take. */
  readonly failure?: string | undefined;
}

/** Judges what is stored for a document. */
export function standingOfState(
  document: WriteMark,
  place: Place | undefined,
  names: StateNames,
): StateStanding {
  if (!place) return 'gone';
  const { stored, text } = place;
  if (!stored) return 'missing';
  if (stored.encoding !== encodingOf(names)) return 'foreign';
  if (stored.textDigest === textDigest(text)) return 'fresh';
  return stored.source && isLater(stored.source, document) ? 'newer' : 'stale';
}

function isLater(one: WriteMark, other: WriteMark): boolean {
  if (one.primaryTerm !== other.primaryTerm) return one.primaryTerm > other.primaryTerm;
  return one.seqNo > other.seqNo;
}

/**
 * Encodes and writes what is missing. Running it again changes nothing: what was written is found.
 *
 * @throws FirstStageError when the server takes no state at all.
 */
export async function buildPage(
  documents: readonly ScannedDocument[],
  tools: PageTools,
  signal?: AbortSignal,
): Promise<PageResult> {
  const { cluster, store, maker } = tools;
  const places = await store.look(documents);
  const standings = documents.map((document, i) => standingOfState(document, places[i], maker));
  const count = (...wanted: StateStanding[]): number =>
    standings.filter((standing) => wanted.includes(standing)).length;
  const wanted = documents.flatMap((document, i) =>
    ['missing', 'stale', 'foreign'].includes(standings[i]!) ? [{ document, place: places[i]! }] : [],
  );
  if (wanted.length > 0) await tools.pace.take(wanted.length, signal);
  const entries = await encode(wanted, maker);
  const outcomes = await bulk(cluster, entries.map(store.operation));
  const settled = await settle(entries, outcomes, tools);
  const failure = firstFailure(settled);
  if (failure !== undefined && settled.every((outcome) => typeof outcome === 'object')) {
    throw new FirstStageError(`Cannot write states: ${failure}.`, { adapter: cluster.server });
  }
  const became = (kind: BulkOutcome): number => settled.filter((outcome) => outcome === kind).length;
  const counts = {
    seen: documents.length,
    fresh: count('fresh'),
    written: became('written'),
    conflicts: became('conflict') + count('newer'),
    gone: became('gone') + count('gone'),
    failed: settled.filter((outcome) => typeof outcome === 'object').length,
  };
  return { counts, failure };
}

type Wanted = Pick<StateEntry, 'document' | 'place'>;

async function encode(wanted: readonly Wanted[], maker: StateMaker): Promise<readonly StateEntry[]> {
  if (wanted.length === 0) return [];
  const states = await maker.encode(wanted.map(({ place }) => place.text));
  const encoding = encodingOf(maker);
  return wanted.map((one, i) => {
    const digest = textDigest(one.place.text);
    const bytes = maker.form.encode({ encodingDigest: maker.encodingDigest, textDigest: digest }, states[i]!);
    return { ...one, encoding, textDigest: digest, bytes };
  });
}

/** A write whose answer was lost is sent again, and then finds its own state in its way: that is no conflict. */
async function settle(
  entries: readonly StateEntry[],
  outcomes: readonly BulkOutcome[],
  { store, maker }: PageTools,
): Promise<readonly BulkOutcome[]> {
  const inDoubt = entries.filter((_, i) => outcomes[i] === 'conflict');
  if (inDoubt.length === 0) return outcomes;
  const places = await store.look(inDoubt.map(({ document }) => document));
  const isThere = new Set(
    inDoubt.filter(({ document }, i) => standingOfState(document, places[i], maker) === 'fresh'),
  );
  return outcomes.map((outcome, i) => (isThere.has(entries[i]!) ? 'written' : outcome));
}

function firstFailure(outcomes: readonly BulkOutcome[]): string | undefined {
  return outcomes.find((outcome) => typeof outcome === 'object')?.failed;
}
