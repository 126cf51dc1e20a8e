/**
 * Fits the rule by which reading stops early (engine/scores/page-risk.ts) and measures it:
 * `npx tsx scripts/fit-stopping.ts LISTS FOLDER... -- FOLDER...`, training collections before the dashes, held-out ones
 * behind them; so many lists of each, 100 candidates a list, int8. Prints the rule, and for each collection and risk the
 * share of the documents that is read, the share of the lists whose page is another, and nDCG@10 beside reading all; and the
 * same of a shorter window for every list. Of training collections the rule is the one fitted without them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { applySteps } from '../engine/compose/stepped.ts';
import type { Ranking, Shortlist } from '../engine/contract.ts';
import { readCollection } from '../engine/evaluation/collection.ts';
import { toShortlist } from '../engine/evaluation/evaluate-collection.ts';
import { evaluateRun, mean, parseMeasure } from '../engine/evaluation/measures.ts';
import type { EncoderReranker } from '../engine/rerank/encoder/encoder-reranker.ts';
import { openEncoderReranker } from '../engine/rerank/encoder/open-encoder-reranker.ts';
import { defaultScoreSteps } from '../engine/scores/fusion.ts';
import { leastRead, pageFeatures } from '../engine/scores/page-risk.ts';
import { toRanking } from '../engine/scores/ranking.ts';
import { type LogisticRule, logistic, logOddsOf } from '../engine/scores/relevance.ts';
import { unreadLogits } from '../engine/scores/unread.ts';
import { fitLogistic, type LogisticSample } from '../engine/training/logistic.ts';
import { candidatesOf } from '../plugin/cli/laboratory/evaluate-candidates.ts';

const page = 10;
const step = 10;
const risks = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];
const windows = [20, 30, 50, 70, 80, 90];
/** Samples of one list depend on each other: the rule is drawn to constant risk as if by so many samples. */
const ridge = 3;

/** A list, and what would be served after so many of its documents were read. */
interface MeasuredList {
  readonly collection: string;
  readonly count: number;
  /** The order and its nDCG@10 by the number of documents read, up to all. */
  readonly served: ReadonlyMap<number, { readonly order: readonly number[]; readonly ndcg: number }>;
  /** Features by the number of documents read, while fewer than all are. */
  readonly features: ReadonlyMap<number, Readonly<Record<string, number>>>;
}

const [listsEach, ...rest] = process.argv.slice(2);
const dashes = rest.indexOf('--');
if (dashes < 1) {
  process.stderr.write('fit-stopping: expected LISTS FOLDER... -- FOLDER...\n');
  process.exit(2);
}
const reranker = await openEncoderReranker({ precision: 'int8' });
const train = await measuredLists(rest.slice(0, dashes));
const test = await measuredLists(rest.slice(dashes + 1));
await reranker.close();
const rule = fitLogistic(train.flatMap(samplesOf), { ridge });
process.stdout.write(`${JSON.stringify(rule)}\n`);
const without = (collection: string): LogisticRule =>
  fitLogistic(train.filter((list) => list.collection !== collection).flatMap(samplesOf), { ridge });
const heldOut = new Map(
  [...new Set(train.map(({ collection }) => collection))].map((one) => [one, without(one)]),
);
report('training', train, (list) => heldOut.get(list.collection)!);
for (const collection of new Set(test.map((list) => list.collection)))
  report(
    collection,
    test.filter((list) => list.collection === collection),
    () => rule,
  );

async function measuredLists(folders: readonly string[]): Promise<MeasuredList[]> {
  const lists: MeasuredList[] = [];
  for (const folder of folders) {
    const whole = await readCollection(folder);
    const all = [...whole.qrels];
    const every = Math.max(1, Math.floor(all.length / Number(listsEach)));
    const chosen = all.filter((_, i) => i % every === 0).slice(0, Number(listsEach));
    const collection = { ...whole, qrels: new Map(chosen) };
    const name = existsSync(join(folder, 'candidates-bm25.tsv')) ? 'bm25' : 'embedded';
    const { run: candidates, firstStage } = await candidatesOf(name, folder, collection);
    for (const [queryId] of chosen) {
      if (!candidates.has(queryId)) continue;
      const shortlist = toShortlist(queryId, { collection, candidates, firstStage, rankWindowSize: 100 });
      if (shortlist.candidates.length <= leastRead(page)) continue;
      const orders = await ordersOf(reranker, shortlist);
      const ndcg = (order: readonly number[]): number => {
        const entries = order.map((i, rank) => ({ docId: shortlist.candidates[i]!.docId, score: -rank }));
        const judged = { ...collection, qrels: new Map([[queryId, collection.qrels.get(queryId)!]]) };
        return mean(evaluateRun(new Map([[queryId, entries]]), judged, parseMeasure('nDCG@10')).values());
      };
      const served = new Map(orders.served.map(([read, order]) => [read, { order, ndcg: ndcg(order) }]));
      lists.push({
        collection: folder,
        count: shortlist.candidates.length,
        served,
        features: orders.features,
      });
    }
    process.stderr.write(`fit-stopping: ${folder}: ${lists.length} lists\n`);
  }
  return lists;
}

/** What is served, and the features, after each round of ten documents. */
async function ordersOf(
  { info }: EncoderReranker,
  shortlist: Shortlist,
): Promise<Pick<MeasuredList, 'features'> & { readonly served: [number, readonly number[]][] }> {
  const { candidates, firstStage } = shortlist;
  const firstStageScores = candidates.map(({ firstStageScore }) => firstStageScore);
  const firstStageWeight = firstStage === 'lexical' ? (info.fusionWeight ?? 0) : 0;
  const features = new Map<number, Readonly<Record<string, number>>>();
  const served: [number, readonly number[]][] = [];
  await reranker.encode(shortlist);
  for (let read = leastRead(page); ; read = Math.min(candidates.length, read + step)) {
    const front = { ...shortlist, candidates: candidates.slice(0, read) };
    const ranking = await reranker.rerank(front, { explain: true });
    const steps = defaultScoreSteps(info);
    const { candidates: order } = await applySteps(unreadBelow(ranking, candidates.length), shortlist, {
      steps,
    });
    served.push([read, order.map(({ index }) => index)]);
    if (read === candidates.length) return { served, features };
    const anchors = ranking.candidates
      .map(({ index, explanation }) => ({ index, logit: explanation!.anchorLogit! }))
      .sort((a, b) => a.index - b.index);
    features.set(read, pageFeatures({ read: anchors, firstStageScores, firstStageWeight, page }));
  }
}

/** The ranking of the front of a list, with the rest below as it stands. */
function unreadBelow({ candidates, usage }: Ranking, count: number): Ranking {
  const unread = [...Array(count).keys()].slice(candidates.length);
  const logits = unreadLogits(unread, candidates);
  return toRanking(
    [...candidates, ...unread.map((index, i) => ({ index, logit: logits[i]!, isRead: false as const }))],
    usage,
  );
}

function isAnotherPage({ served, count }: MeasuredList, read: number): boolean {
  const whole = new Set(served.get(count)!.order.slice(0, page));
  return served
    .get(read)!
    .order.slice(0, page)
    .some((index) => !whole.has(index));
}

function samplesOf(list: MeasuredList): LogisticSample[] {
  return [...list.features].map(([read, features]) => ({ features, label: isAnotherPage(list, read) }));
}

function report(
  name: string,
  lists: readonly MeasuredList[],
  ruleOf: (list: MeasuredList) => LogisticRule,
): void {
  process.stdout.write(`${name}: ${lists.length} lists\n`);
  for (const risk of risks) {
    const isEnough = (list: MeasuredList, features: Readonly<Record<string, number>>): boolean =>
      logistic(logOddsOf(ruleOf(list), features)) <= risk;
    const stop = (list: MeasuredList): number | undefined =>
      [...list.features].find(([, features]) => isEnough(list, features))?.[0];
    line(`risk ${risk}`, lists, stop);
  }
  for (const window of windows)
    line(`first ${window}`, lists, ({ features }) => [...features.keys()].find((read) => read >= window));
}

function line(
  name: string,
  lists: readonly MeasuredList[],
  stop: (list: MeasuredList) => number | undefined,
): void {
  const rows = lists.map((list) => {
    const read = stop(list) ?? list.count;
    const gain = list.served.get(read)!.ndcg - list.served.get(list.count)!.ndcg;
    return { share: read / list.count, isOther: isAnotherPage(list, read), gain };
  });
  const gain = mean(rows.map((row) => row.gain));
  const variance = mean(rows.map((row) => (row.gain - gain) ** 2));
  const read = 100 * mean(rows.map(({ share }) => share));
  const other = 100 * mean(rows.map(({ isOther }) => Number(isOther)));
  process.stdout.write(
    `  ${name.padEnd(10)} read ${read.toFixed(1)} %, another page ${other.toFixed(1)} %, nDCG@10 ${gain.toFixed(4)} ± ${Math.sqrt(variance / rows.length).toFixed(4)}\n`,
  );
}
