/** One page of documents: which states are missing, encoding those, writing them. */
import { FirstStageError, type StateMaker, textDigest } from '../../../engine/index.ts';
import { type BulkOutcome, bulk } from '../../cluster/bulk.ts';
import type { WriteMark } from '../../cluster/contract.ts';
import { fetchDocuments, versionOf } from '../../cluster/fetch.ts';
import type { Cluster } from '../../cluster/patient-calls.ts';
import type { StateNames } from '../../stored-states/names.ts';
import { encodingOf } from '../../stored-states/names.ts';
import type { Finding, ScannedDocument, StateEntry, StateStore } from '../place/contract.ts';
import { makeStates } from '../place/made-state.ts';
import type { BuildCounts } from './counts.ts';
import type { Pace } from './pace.ts';

/**
 * How a stored state stands to its document: `newer` when it was made from a later version than the one at hand, `gone`
 * when the document is not there any more.
 */
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
  /** Whether a page of which the server takes nothing is an error, and not only counted. */
  readonly isStrict: boolean;
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
  finding: Finding | undefined,
  names: StateNames,
): StateStanding {
  if (!finding) return 'gone';
  const { stored, text } = finding;
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
 * @throws FirstStageError when the server takes no state at all, and that is to be an error.
 */
export async function buildPage(
  documents: readonly ScannedDocument[],
  tools: PageTools,
  signal?: AbortSignal,
): Promise<PageResult> {
  const { cluster, store, maker } = tools;
  const findings = await store.look(documents);
  const standings = await judge(documents, findings, tools);
  const count = (...wanted: StateStanding[]): number =>
    standings.filter((standing) => wanted.includes(standing)).length;
  const wanted = documents.flatMap((document, i) =>
    ['missing', 'stale', 'foreign'].includes(standings[i]!) ? [{ document, finding: findings[i]! }] : [],
  );
  if (wanted.length > 0) await tools.pace.take(wanted.length, signal);
  const entries = await encode(wanted, maker);
  const outcomes = await bulk(cluster, entries.map(store.operation));
  const settled = await settle(entries, outcomes, tools);
  const failures = settled.filter((outcome) => typeof outcome === 'object');
  if (tools.isStrict && failures.length > 0 && failures.length === settled.length) {
    const { failed, statusCode } = failures[0]!;
    throw new FirstStageError(`Cannot write states: ${failed}.`, { adapter: cluster.server, statusCode });
  }
  const became = (kind: BulkOutcome): number => settled.filter((outcome) => outcome === kind).length;
  const counts = {
    seen: documents.length,
    fresh: count('fresh'),
    written: became('written'),
    conflicts: became('conflict') + count('newer'),
    gone: became('gone') + count('gone'),
    failed: failures.length,
    orphans: 0,
  };
  return { counts, failure: failures[0]?.failed };
}

/**
 * Judges a page. A state beside a document that was made from another version, or that does not say from which, is in
 * doubt: the document may have changed since it was scanned, or its index may have been made anew and count its writes
 * from the start. As long as it is what was scanned, the state is the one that is old.
 */
async function judge(
  documents: readonly ScannedDocument[],
  findings: readonly (Finding | undefined)[],
  { cluster, store, maker }: PageTools,
): Promise<readonly StateStanding[]> {
  const standings = documents.map((document, i) => standingOfState(document, findings[i], maker));
  if (!store.besideOf) return standings;
  const isInDoubt = (i: number): boolean =>
    standings[i] === 'newer' || (standings[i] === 'stale' && !findings[i]!.stored!.source);
  const inDoubt = documents.filter((_, i) => isInDoubt(i));
  const found = await fetchDocuments(cluster, inDoubt, { source: [] });
  const now = new Map(inDoubt.map((document, i) => [document, found[i]]));
  return standings.map((standing, i) => {
    if (!isInDoubt(i)) return standing;
    const hit = now.get(documents[i]!);
    if (!hit) return 'gone';
    return isSame(versionOf(hit), documents[i]!) ? 'stale' : 'newer';
  });
}

function isSame(one: WriteMark, other: WriteMark): boolean {
  return one.seqNo === other.seqNo && one.primaryTerm === other.primaryTerm;
}

type Wanted = Pick<StateEntry, 'document' | 'finding'>;

async function encode(wanted: readonly Wanted[], maker: StateMaker): Promise<readonly StateEntry[]> {
  const made = await makeStates(
    maker,
    wanted.map(({ finding }) => finding.text),
  );
  return wanted.map((one, i) => ({ ...one, ...made[i]! }));
}

/** A write whose answer was lost is sent again, and then finds its own state in its way: that is no conflict. */
async function settle(
  entries: readonly StateEntry[],
  outcomes: readonly BulkOutcome[],
  { store, maker }: PageTools,
): Promise<readonly BulkOutcome[]> {
  const inDoubt = entries.filter((_, i) => outcomes[i] === 'conflict');
  if (inDoubt.length === 0) return outcomes;
  const findings = await store.look(inDoubt.map(({ document }) => document));
  const isThere = new Set(
    inDoubt.filter(({ document }, i) => standingOfState(document, findings[i], maker) === 'fresh'),
  );
  return outcomes.map((outcome, i) => (isThere.has(entries[i]!) ? 'written' : outcome));
}
