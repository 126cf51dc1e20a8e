/** A long document read whole, and fields scored apart: `npx tsx examples/long-documents.ts`. */
import { type EmbeddedDocument, embeddedAdapter } from '../adapters/embedded/index.ts';
import { openReranker, rescoringStage } from '../index.ts';

const filler = 'The committee met in the morning, heard the reports of the year and adjourned for lunch. ';
const minutes: readonly EmbeddedDocument[] = [
  { docId: 'roads', text: 'The bridge road in the valley is open in summer and closed by snow in winter.' },
  {
    docId: 'minutes',
    text: `${filler.repeat(60)} The old bridge over the river was closed because its cables had rusted. ${filler}`,
  },
];

// By default a document is read up to 8,192 tokens. Without score steps the first stage's scores are not fused in.
for (const options of [{ maxDocumentBlocks: 4 }, {}]) {
  const reranker = await openReranker({ depth: 6, ...options });
  const stage = rescoringStage({
    adapter: embeddedAdapter({ documents: minutes }),
    reranker,
    scoreSteps: [],
  });
  const { hits, blockrank } = await stage.search({ query: 'why was the bridge closed' });
  const cut = blockrank?.warnings?.find(({ code }) => code === 'text-cut');
  console.log(`${hits.map(({ docId }) => docId).join(', ')}; ${cut?.message ?? 'read whole'}`);
  await stage.close();
  await reranker.close();
}

const products: readonly EmbeddedDocument[] = [
  { docId: 'scarf', title: 'Scarf for a winter jacket', text: 'Red wool. Warm and soft.' },
  { docId: 'jacket', title: 'Winter jacket', text: 'The zip broke after a week and the seam tore.' },
];
// Title and text are scored by themselves, and the title counts twice.
const fieldsApart = ['title^2', 'text'];
const reranker = await openReranker({ depth: 6 });
const stage = rescoringStage({ adapter: embeddedAdapter({ documents: products, fieldsApart }), reranker });
for (const query of ['jacket with a broken zip', 'scarf'])
  for (const { docId, blockrank: mark } of (await stage.search({ query, size: 1 })).hits)
    console.log(`${query}: ${docId}, by its ${mark?.field}`);
await stage.close();
await reranker.close();
