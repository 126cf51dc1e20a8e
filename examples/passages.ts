/** The sentences that a reader of the hits needs: `npx tsx examples/passages.ts "who built the boats"`. */
import { embeddedAdapter } from '../adapters/embedded/index.ts';
import { openReranker, rescoringStage } from '../index.ts';

const documents = [
  {
    docId: '1',
    title: 'Tides',
    text: 'The sea rises and falls twice a day. The moon pulls the water of the sea towards it. Harbours are built with that in mind.',
  },
  {
    docId: '2',
    title: 'Harbour',
    text: 'A harbour shelters ships from the open sea. Its oldest quay was built by monks in 1342. Cafés line it today.',
  },
];
const query = process.argv[2] ?? 'why does the sea rise';
const reranker = await openReranker();
const passages = { perHit: 2, maxTokens: 60, maxTotalTokens: 40 };
const stage = rescoringStage({ adapter: embeddedAdapter({ documents }), reranker, passages });
const { hits } = await stage.search({ query });
for (const { title, blockrank: mark } of hits)
  for (const passage of mark?.passages?.['text'] ?? []) console.log(`${title}: ${passage}`);
await stage.close();
await reranker.close();
