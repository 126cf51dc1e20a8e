/** Half precision against float32 on every list of a test collection: how far scores are apart, and whether orders are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentText, readCandidates, readCollection } from '../engine/evaluation/collection.ts';
import { type EncoderReranker, openEncoderReranker, type RankedCandidate } from '../engine/index.ts';
import type { ExecutionProvider } from '../engine/session/runtime.ts';
import { atMost, type Bench, threads } from './support/bench.ts';
import { compareLists, type ListDifference } from './support/list-difference.ts';
import { shortlistOf } from './support/texts.ts';

/** Candidates of each query. */
const rankWindowSize = 100;
const first = 'bm25';
/** Documents whose scores in float32 are closer than this are a tie. */
const tieBound = 2e-3;

/** A collection in the layout that `blockrank evaluate` reads; TREC's Deep Learning Track of 2019 lies beside a checkout. */
const folder =
  process.env['BENCH_COLLECTION'] ?? fileURLToPath(new URL('../../shared/data/trec-dl19', import.meta.url));

export const half: Bench = {
  about: `The shipped encoder in half precision beside float32, every query's first ${rankWindowSize} candidates (BENCH_COLLECTION names the collection's folder).`,
  takes: ['device'],
  isByNameOnly: true,
  async run(note, { device = 'cpu', tell }) {
    if (!existsSync(join(folder, `candidates-${first}.tsv`))) {
      note(`skipped: "${folder}" has no candidates-${first}.tsv`);
      return { figures: { skipped: folder }, checks: [] };
    }
    const lists = await readLists();
    const byTier: Record<string, ListDifference> = {};
    for (const tier of ['tokens', 'anchor'] as const) {
      byTier[tier] = await compare(lists, { tier, device, note });
      tell({ tier, ...byTier[tier] });
    }
    const worst = (of: (difference: ListDifference) => number): number =>
      Math.max(...Object.values(byTier).map(of));
    return {
      figures: { device, collection: folder, lists: lists.length, candidates: rankWindowSize, byTier },
      checks: [
        atMost(
          'largest difference of a score',
          worst((each) => each.score),
          tieBound,
        ),
        atMost(
          `lists whose order differs but for ties within ${tieBound}`,
          worst((each) => each.listsBeyondTies),
          0,
        ),
      ],
    };
  },
};

interface List {
  readonly query: string;
  readonly texts: readonly string[];
}

async function readLists(): Promise<readonly List[]> {
  const { queries, documents } = await readCollection(folder);
  const candidates = await readCandidates(folder, first);
  return [...candidates].map(([queryId, entries]) => ({
    query: queries.get(queryId)!,
    texts: entries.slice(0, rankWindowSize).map(({ docId }) => documentText(documents.get(docId)!)),
  }));
}

interface CompareOptions {
  readonly tier: 'tokens' | 'anchor';
  readonly device: ExecutionProvider;
  readonly note: (text: string) => void;
}

/** Both see a list before the next is read, so that a run which is ended early has compared what it read. */
async function compare(
  lists: readonly List[],
  { tier, device, note }: CompareOptions,
): Promise<ListDifference> {
  const open = (precision: 'fp32' | 'fp16', on: ExecutionProvider): Promise<EncoderReranker> =>
    openEncoderReranker({ tier, precision, device: on, workers: threads, warmUp: false });
  const [exact, rough] = [await open('fp32', 'cpu'), await open('fp16', device)];
  try {
    const pairs: [exact: readonly RankedCandidate[], rough: readonly RankedCandidate[]][] = [];
    for (const { query, texts } of lists) {
      const shortlist = shortlistOf(query, texts);
      pairs.push([(await exact.rerank(shortlist)).candidates, (await rough.rerank(shortlist)).candidates]);
      note(`tier ${tier}: ${pairs.length} of ${lists.length} lists`);
    }
    return compareLists(pairs, tieBound);
  } finally {
    await exact.close();
    await rough.close();
  }
}
