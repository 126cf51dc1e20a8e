/**
 * How much the reranker improves the order that the first stage gives: `npx tsx examples/evaluate.ts` for the
 * collection below, `npx tsx examples/evaluate.ts FOLDER` for one with corpus.jsonl, queries.jsonl and qrels.tsv.
 */
import { buildEmbeddedIndex } from '../adapters/embedded/index.ts';
import {
  type Collection,
  evaluateCollection,
  parseMeasure,
  type Run,
  readCollection,
  systemsOver,
  toTable,
} from '../engine/laboratory.ts';
import { openReranker } from '../index.ts';

const documents = [
  {
    docId: 'd1',
    title: 'Restaurant',
    text: 'The plant pots stand in the light where people make and eat food.',
  },
  {
    docId: 'd2',
    title: 'Photosynthesis',
    text: 'Leaves turn sunlight, water and air into sugar, which plants live on.',
  },
  { docId: 'd3', title: 'Film', text: 'A person who studies acting meets the stars at night.' },
  { docId: 'd4', title: 'Astronomer', text: 'A scientist of planets, stars and galaxies.' },
  { docId: 'd5', title: 'Stove', text: 'Why a stove is hot all over its body.' },
  { docId: 'd6', title: 'Fever', text: 'A raised temperature of the body, often from an infection.' },
  { docId: 'd7', title: 'Keyboard', text: 'A musical instrument has keys; lost ones open no door.' },
  { docId: 'd8', title: 'Locksmith', text: 'Opens a door for people who lost what they need to get in.' },
];
const qrels = new Map([
  ['q1', new Map([['d2', 1]])],
  ['q2', new Map([['d4', 1]])],
  ['q3', new Map([['d6', 1]])],
  ['q4', new Map([['d8', 1]])],
]);
const tiny: Collection = {
  name: 'tiny',
  documents: new Map(documents.map((document) => [document.docId, document])),
  queries: new Map([
    ['q1', 'how plants make food from light'],
    ['q2', 'person who studies the stars'],
    ['q3', 'why is my body so hot'],
    ['q4', 'help, I lost my keys'],
  ]),
  qrels,
  idealQrels: qrels,
};

/** What BM25 finds for every judged query. */
async function firstStageRun({ documents, queries, qrels }: Collection): Promise<Run> {
  const index = await buildEmbeddedIndex({ documents: [...documents.values()] });
  return new Map(
    [...qrels.keys()].map((queryId) => {
      const { matches } = index.search(queries.get(queryId) ?? '', 100);
      return [queryId, matches.map(({ document, score }) => ({ docId: document.docId, score }))];
    }),
  );
}

const folder = process.argv[2];
const collection = folder ? await readCollection(folder) : tiny;
const reranker = await openReranker();
const { 'first-stage': firstStage, model, default: fused } = systemsOver(reranker);
const result = await evaluateCollection({
  collection,
  candidates: await firstStageRun(collection),
  firstStage: 'lexical',
  systems: { 'first-stage': firstStage, model, fused },
  measures: [parseMeasure('nDCG@10'), parseMeasure('RR@10')],
});
console.log(toTable(result));
await reranker.close();
