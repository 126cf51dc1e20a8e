/** What limits of the order are worth: judged queries of a shop, and queries made of codes that one product alone has. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildEmbeddedIndex, type EmbeddedIndex } from '../adapters/embedded/index.ts';
import {
  type Collection,
  documentText,
  evaluateRun,
  mean,
  parseMeasure,
  type Run,
  readCollection,
  seededRandom,
} from '../engine/laboratory.ts';
import {
  applySteps,
  fusion,
  openReranker,
  orderLimits,
  type Ranking,
  type Reranker,
  type ScoreStep,
  type Shortlist,
} from '../index.ts';
import { type Bench, rounded } from './support/bench.ts';

const folder =
  process.env['BENCH_COLLECTION'] ??
  fileURLToPath(new URL('../../shared/data/icecat-chorus', import.meta.url));
const codes = 30;
const judgedWindow = 50;
const codeWindow = 30;

const orders: Readonly<Record<string, readonly ScoreStep[]>> = {
  model: [],
  default: [fusion()],
  'maxDemotion 3': [fusion(), orderLimits({ maxDemotion: 3 })],
  promoteOnly: [fusion(), orderLimits({ promoteOnly: true })],
};

export const orderLimitsBench: Bench = {
  about:
    'Limits of the order on judged queries and on queries of product codes (BENCH_COLLECTION names the folder).',
  isByNameOnly: true,
  async run(note) {
    if (!existsSync(join(folder, 'corpus.jsonl'))) {
      note(`skipped: "${folder}" has no corpus.jsonl`);
      return { figures: { skipped: folder }, checks: [] };
    }
    const collection = await readCollection(folder);
    const index = await buildEmbeddedIndex({ documents: [...collection.documents.values()] });
    const reranker = await openReranker({ precision: 'int8' });
    try {
      const ranked = [];
      for (const ask of asksOf(collection)) ranked.push(await rankedOf(ask, { collection, index, reranker }));
      const names = ['first-stage', ...Object.keys(orders)];
      const figures: Record<string, unknown> = {};
      for (const name of names) figures[name] = await measured(name, ranked, collection);
      return { figures, checks: [] };
    } finally {
      await reranker.close();
    }
  },
};

interface Ask {
  readonly kind: 'judged' | 'code' | 'words and code';
  readonly queryId: string;
  readonly text: string;
  readonly rankWindowSize: number;
  /** The product of the code; absent for judged queries. */
  readonly docId?: string;
}

/** Judged queries with a relevant product, and for each code two: the code, and three words of the title with it. */
function asksOf(collection: Collection): readonly Ask[] {
  const judged = [...collection.qrels]
    .filter(([, judgements]) => [...judgements.values()].some((relevance) => relevance > 0))
    .map(([queryId]): Ask => {
      return {
        kind: 'judged',
        queryId,
        text: collection.queries.get(queryId) ?? '',
        rankWindowSize: judgedWindow,
      };
    });
  const made = drawnCodes(collection).flatMap(([code, docId]): Ask[] => {
    const title = collection.documents.get(docId)!.title ?? '';
    const words = title.split(/\s+/).filter((word) => /^[A-Za-z]{3,}$/.test(word));
    const named = [...words.slice(0, 3), code].join(' ');
    const common = { rankWindowSize: codeWindow, docId };
    return [
      { ...common, kind: 'code', queryId: code, text: code },
      { ...common, kind: 'words and code', queryId: `words ${code}`, text: named },
    ];
  });
  return [...judged, ...made];
}

/** Codes that stand in one title alone, drawn at random. */
function drawnCodes({ documents }: Collection): readonly (readonly [code: string, docId: string])[] {
  const holders = new Map<string, string[]>();
  for (const [docId, { title = '' }] of documents) {
    for (const word of title.split(/\s+/).map((each) => each.replace(/^[("']+|[)"',.;]+$/g, ''))) {
      const isCode = word.length >= 6 && /\d/.test(word) && /^[A-Z0-9][A-Z0-9\-/.]+$/.test(word);
      if (!isCode || !/[A-Z]/.test(word) || /^\d+(\.\d+)?[A-Z]{1,4}$/.test(word)) continue;
      holders.set(word, [...(holders.get(word) ?? []), docId]);
    }
  }
  const random = seededRandom(17);
  return [...holders]
    .filter(([, docIds]) => docIds.length === 1)
    .map(([code, [docId]]) => ({ key: random(), drawn: [code, docId!] as const }))
    .sort((a, b) => a.key - b.key)
    .slice(0, codes)
    .map(({ drawn }) => drawn);
}

interface Ranked {
  readonly ask: Ask;
  readonly shortlist: Shortlist;
  readonly ranking: Ranking;
}

async function rankedOf(
  ask: Ask,
  parts: { readonly collection: Collection; readonly index: EmbeddedIndex; readonly reranker: Reranker },
): Promise<Ranked> {
  const { matches } = parts.index.search(ask.text, ask.rankWindowSize);
  const shortlist: Shortlist = {
    query: { text: ask.text },
    firstStage: 'lexical',
    candidates: matches.map(({ document: { docId }, score }) => {
      const text = documentText(parts.collection.documents.get(docId)!);
      return { docId, text, segments: [], firstStageScore: score };
    }),
  };
  return { ask, shortlist, ranking: await parts.reranker.rerank(shortlist) };
}

async function measured(
  name: string,
  lists: readonly Ranked[],
  collection: Collection,
): Promise<Readonly<Record<string, unknown>>> {
  const run: Map<string, Run extends ReadonlyMap<string, infer Entries> ? Entries : never> = new Map();
  const ranks: Record<string, number[]> = { code: [], 'words and code': [] };
  for (const { ask, shortlist, ranking } of lists) {
    const steps = orders[name];
    const order = steps
      ? (await applySteps(ranking, shortlist, { steps })).candidates.map(({ index }) => index)
      : [...shortlist.candidates.keys()];
    const docIds = order.map((at) => shortlist.candidates[at]!.docId);
    if (ask.docId === undefined) {
      run.set(
        ask.queryId,
        docIds.map((docId, i) => ({ docId, score: docIds.length - i })),
      );
    } else ranks[ask.kind]!.push(docIds.indexOf(ask.docId) + 1 || Number.POSITIVE_INFINITY);
  }
  const perQuery = evaluateRun(run, collection, parseMeasure('nDCG@10'));
  const first = Object.entries(ranks).map(([kind, own]) => [kind, own.filter((rank) => rank === 1).length]);
  return {
    nDCG10: rounded(mean([...run.keys()].map((queryId) => perQuery.get(queryId) ?? 0)), 4),
    judged: run.size,
    first: Object.fromEntries(first),
    lowest: Math.max(...Object.values(ranks).flat()),
  };
}
