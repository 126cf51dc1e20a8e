/** A long document read whole, and fields scored apart: `npx tsx examples/long-documents.ts`. */
import { fieldsReranker, openReranker, type Shortlist } from '../index.ts';

const filler = 'The committee met in the morning, heard the reports of the year and adjourned for lunch. ';
const minutes = `${filler.repeat(60)} The old bridge over the river was closed because its cables had rusted. ${filler}`;
const shortlist: Shortlist = {
  query: { text: 'why was the bridge closed' },
  firstStage: 'unknown',
  candidates: [
    {
      docId: 'roads',
      text: 'Roads in the valley are open in summer and closed by snow in winter.',
      segments: [],
    },
    { docId: 'minutes', text: minutes, segments: [] },
  ],
};

// By default a document is read up to 8,192 tokens; before, four blocks of it were.
for (const options of [{ maxDocumentBlocks: 4 }, {}]) {
  const reranker = await openReranker({ depth: 6, ...options });
  const { candidates, usage } = await reranker.rerank(shortlist);
  const order = candidates.map(({ index }) => shortlist.candidates[index]!.docId).join(', ');
  console.log(`${order}; ${usage.truncatedTokens} tokens unread`);
  await reranker.close();
}

// Each review is scored by itself; the title counts twice.
const reranker = fieldsReranker(await openReranker({ depth: 6 }));
const reviews = ['Warm and soft, my daughter loves it.', 'The zip broke after a week and the seam tore.'];
const products: Shortlist = {
  query: { text: 'jacket with a broken zip' },
  firstStage: 'unknown',
  candidates: [
    {
      docId: 'scarf',
      text: 'Scarf. Red.',
      segments: [],
      parts: [{ field: 'title', text: 'Red scarf', weight: 2 }],
    },
    {
      docId: 'jacket',
      text: `Winter jacket ${reviews.join(' ')}`,
      segments: [],
      parts: [
        { field: 'title', text: 'Winter jacket', weight: 2 },
        ...reviews.map((text, value) => ({ field: 'reviews', value, text })),
      ],
    },
  ],
};
const [best] = (await reranker.rerank(products)).candidates;
const { docId } = products.candidates[best!.index]!;
console.log(`${docId}: best by ${best!.field}, value ${best!.fieldValue}`);
await reranker.close();
