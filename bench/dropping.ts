/** Document dropping on judged collections: time, multiply-adds and nDCG@10 of the same cold lists, in turns with whole ones. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultCaps } from '../engine/blocks/caps.ts';
import { toDocumentBlocks } from '../engine/blocks/document-blocks.ts';
import { applySteps } from '../engine/compose/stepped.ts';
import { type Collection, readCandidates, readCollection } from '../engine/evaluation/collection.ts';
import { evaluateCollection, type MeasuredSystem } from '../engine/evaluation/evaluate-collection.ts';
import { mean, parseMeasure } from '../engine/evaluation/measures.ts';
import type { System } from '../engine/evaluation/systems.ts';
import {
  defaultScoreSteps,
  type EncoderReranker,
  openEncoderReranker,
  type Ranking,
  type RerankerOptions,
  type Shortlist,
} from '../engine/index.ts';
import { guessingDepth } from '../engine/model/depth.ts';
import { defaultModelFolder, openModelFolder } from '../engine/model/folder.ts';
import { readEncoderConfig } from '../engine/model/read-encoder-config.ts';
import { readJson } from '../engine/model/read-json.ts';
import type { EncoderConfig } from '../engine/network/encoder-config.ts';
import { anchorLayers, multiplyAdds } from '../engine/network/multiply-adds.ts';
import { parseTokenizer, type Tokenizer } from '../engine/tokenizer/tokenizer.ts';
import { atLeast, atMost, type Bench, type BenchResult, rounded, threads } from './support/bench.ts';
import { type Shape, shapeOf } from './support/guess-statistics.ts';
import { median, medianRatio, timed } from './support/measure.ts';

const data = fileURLToPath(new URL('../../shared/data', import.meta.url));
/** Collections with a first stage of their own, and how many of their queries are asked: all, or at even distances. */
const collections: Readonly<Record<string, number>> = {
  'trec-dl19': Number.POSITIVE_INFINITY,
  scifact: 40,
  nfcorpus: 40,
};
const keep = 0.25;
const documents = 100;

const forms: Readonly<Record<string, Pick<RerankerOptions, 'depth' | 'dropping'>>> = {
  whole: {},
  dropped: { dropping: { keep } },
  'dropped by depth 6': { dropping: { keep, depth: 6 } },
  'depth 6': { depth: 6 },
};

export const dropping: Bench = {
  about: `Cold lists of ${documents} with ${100 * keep} % of the documents read, in turns with whole ones, int8.`,
  takes: ['parts'],
  parts: Object.keys(collections),
  async run(note, { parts = Object.keys(collections), tell }) {
    const found = parts.filter((name) => existsSync(join(data, name)));
    if (found.length < parts.length)
      note(`not beside the project: ${parts.filter((name) => !found.includes(name))}`);
    const contenders = await openContenders();
    try {
      const checks: BenchResult['checks'][number][] = [];
      const figures: Record<string, unknown> = {};
      for (const name of found) {
        const result = await compare(name, contenders, note);
        figures[name] = result.figures;
        checks.push(...result.checks);
        tell({ [name]: result.figures });
      }
      return { figures, checks };
    } finally {
      for (const { reranker } of contenders) await reranker.close();
    }
  },
};

/** A form of the model, and what its lists took. */
interface Contender {
  readonly name: string;
  readonly reranker: EncoderReranker;
  /** Layers that guess, none where nothing is dropped, and those of a document that is read. */
  readonly layers: readonly [guess: number, whole: number];
  readonly counter: Counter;
}

/** Counts multiply-adds of documents' layers. */
interface Counter {
  readonly config: EncoderConfig;
  readonly tokenizer: Tokenizer;
}

async function openContenders(): Promise<Contender[]> {
  const { path, manifest } = await openModelFolder(defaultModelFolder());
  const config = await readEncoderConfig(path);
  const tokenizerPath = join(path, 'tokenizer.json');
  const counter = { config, tokenizer: parseTokenizer(await readJson(tokenizerPath), tokenizerPath) };
  const opened: Contender[] = [];
  for (const [name, form] of Object.entries(forms)) {
    const options = { ...form, precision: 'int8', workers: threads, stateCacheBytes: 0 } as const;
    const all = form.depth ?? config.layers;
    const depth = guessingDepth(manifest, all, form.dropping?.depth)!;
    const guess = form.dropping ? anchorLayers({ ...config, layers: depth }) : 0;
    opened.push({ name, reranker: await openEncoderReranker(options), layers: [guess, all], counter });
  }
  return opened;
}

/** What one form took of each list. */
interface Taken {
  readonly ms: number[];
  readonly products: number[];
}

async function compare(
  name: string,
  contenders: readonly Contender[],
  note: (text: string) => void,
): Promise<BenchResult> {
  const folder = join(data, name);
  const collection = sampled(await readCollection(folder), collections[name]!);
  const taken = new Map(contenders.map((each) => [each.name, { ms: [], products: [] } as Taken]));
  const systems = Object.fromEntries(
    contenders.map((each) => [each.name, systemOf(each, taken.get(each.name)!)]),
  );
  const shapes = contenders
    .filter(({ layers: [guess] }) => guess > 0)
    .map((each) => [each.name, [] as Shape[], each] as const);
  const result = await evaluateCollection({
    collection,
    candidates: await readCandidates(folder, 'bm25'),
    firstStage: 'lexical',
    baseline: 'whole',
    systems: { ...systems, ...statisticsOver(shapes) },
    measures: [parseMeasure('nDCG@10')],
    rankWindowSize: documents,
    onProgress: (done, total) => note(`${name}: ${done} of ${total} lists`),
  });
  const measured = (form: string): MeasuredSystem => [...result.measured.get(form)!.values()][0]!;
  return {
    figures: {
      lists: result.n,
      forms: Object.fromEntries(contenders.map((each) => [each.name, figuresOf(each.name)])),
      guessScores: Object.fromEntries(shapes.map(([form, all]) => [form, statistics(all)])),
    },
    checks: checksOf('whole', 'dropped'),
  };

  function figuresOf(form: string): object {
    const { ms, products } = taken.get(form)!;
    const { mean: nDCG, tTest } = measured(form);
    return {
      nDCG: rounded(nDCG, 4),
      ...(tTest !== undefined && { pAgainstWhole: rounded(tTest, 2) }),
      msMedian: rounded(median(ms)),
      gigaMultiplyAdds: rounded(mean(products) / 1e9),
    };
  }

  function checksOf(whole: string, dropped: string): BenchResult['checks'] {
    const [a, b] = [taken.get(whole)!, taken.get(dropped)!];
    const products = 1 - mean(b.products) / mean(a.products);
    return [
      atMost(`${name}, ${dropped}: nDCG@10 lost`, measured(whole).mean - measured(dropped).mean, 0.01),
      atLeast(`${name}, ${dropped}: multiply-adds saved`, products, 0.35),
      atLeast(`${name}, ${dropped}: wall time saved`, 1 - medianRatio(b.ms, a.ms), 0.2),
    ];
  }
}

function sampled(collection: Collection, most: number): Collection {
  const judged = [...collection.qrels];
  const step = Math.max(1, Math.floor(judged.length / most));
  const chosen = judged.filter((_, i) => i % step === 0).slice(0, most);
  return { ...collection, qrels: new Map(chosen) };
}

/** What the stage would serve; its time and its products are kept. */
function systemOf({ reranker, layers, counter }: Contender, { ms, products }: Taken): System {
  const steps = defaultScoreSteps(reranker.info);
  return async (shortlist) => {
    let ranking!: Ranking;
    const took = await timed(async () => {
      ranking = await reranker.rerank(shortlist);
    });
    ms.push(took);
    products.push(productsOf(ranking, shortlist, layers, counter));
    const served = await applySteps(ranking, shortlist, { steps, reranker });
    return served.candidates.map(({ index }) => index);
  };
}

function productsOf(
  { candidates }: Ranking,
  shortlist: Shortlist,
  [guess, whole]: Contender['layers'],
  { config, tokenizer }: Counter,
): number {
  return candidates.reduce((sum, { index, isDropped }) => {
    const { blocks } = toDocumentBlocks(shortlist.candidates[index]!.text, tokenizer, defaultCaps);
    const own = blocks.map(({ length }) => multiplyAdds(config, length, isDropped ? guess : guess + whole));
    return sum + own.reduce((total, each) => total + each, 0);
  }, 0);
}

type Shapes = readonly (readonly [form: string, lists: Shape[], of: Contender])[];

/** Systems that leave a list as it is, and look at the scores of guesses. */
function statisticsOver(shapes: Shapes): Readonly<Record<string, System>> {
  return Object.fromEntries(
    shapes.map(([form, lists, { reranker }]): [string, System] => [
      `${form}: statistics`,
      async (shortlist) => {
        const scores = await reranker.guessScores(shortlist);
        if (scores.length > 1) lists.push(shapeOf(scores, keep));
        return [...scores.keys()];
      },
    ]),
  );
}

function statistics(lists: Shape[]): object {
  const over = (value: (one: Shape) => number): number => rounded(mean(lists.map(value)));
  return {
    skew: over(({ skew }) => skew),
    excessKurtosis: over(({ excessKurtosis }) => excessKurtosis),
    keptDeviation: over(({ keptDeviation }) => keptDeviation),
    keptDeviationAbsolute: over(({ keptDeviation }) => Math.abs(keptDeviation)),
  };
}
