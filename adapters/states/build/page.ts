/** Builds one page of documents: finds the missing states, encodes and writes them. */
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
 * How a stored state relates to its document: `newer` when it was made from a later version than the scanned one,
 * `gone` when the document no longer exists.
 */
export type StateStanding = 'fresh' | 'missing' | 'stale' | 'foreign' | 'newer' | 'gone';

/** The tools that build a page. */
export interface PageTools {
  /** The server. */
  readonly cluster: Cluster;
  /** The store of states. */
  readonly store: StateStore;
  /** Makes states. */
  readonly maker: StateMaker;
  /** Limits the rate of documents. */
  readonly pace: Pace;
  /** Whether a page is an error, and not only counted, when the server refuses all its states. */
  readonly isStrict: boolean;
}

/** The result of a page. */
export interface PageResult {
  /** The outcomes of its documents. */
  readonly counts: BuildCounts;
  /** The server's words on the first state that it refused. */
  readonly failure?: string | undefined;
}

/** Judges the stored state of a document. */
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
 * Encodes and writes the missing states of a page. A second run changes nothing: it finds the states of the first.
 *
 * @throws FirstStageError when the server refuses every state and the tools are strict.
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
 * Judges a page. A state in the index beside that names another version of its document, or none, is in doubt: the
 * document may have changed since the scan, or its index may have been made anew and count its writes from the start.
 * As long as the document is the scanned version, the state is the old one.
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

/** A write is repeated when its answer was lost, and then conflicts with its own state: that is no conflict. */
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
