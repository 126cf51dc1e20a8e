/** Says when nothing that was found is relevant: `npx tsx examples/thresholds.ts "what do plants make sugar from"`. */
import { embeddedAdapter } from '../adapters/embedded/index.ts';
import { openReranker, rescoringStage } from '../index.ts';
import { documents } from './support/documents.ts';

const queries = process.argv[2]
  ? [process.argv[2]]
  : ['what do plants turn into sugar', 'price of a plants licence in the evening'];
const reranker = await openReranker();
const stage = rescoringStage({ adapter: embeddedAdapter({ documents }), reranker });
for (const query of queries) {
  const { hits, blockrank } = await stage.search({ query });
  console.log(`${query}: an answer is here with a probability of ${blockrank?.answerable?.toFixed(2)}`);
  for (const { title, blockrank: mark } of hits)
    console.log(`  ${mark?.calibratedScore?.toFixed(2)}  ${title}`);
}
await stage.close();
await reranker.close();
