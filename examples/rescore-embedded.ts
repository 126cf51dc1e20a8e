/** Reranking without any server: `npx tsx examples/rescore-embedded.ts "food from sunlight"`. */
import { embeddedAdapter } from '../adapters/embedded/index.ts';
import { openReranker, rescoringStage } from '../index.ts';
import { documents } from './support/documents.ts';

const query = process.argv[2] ?? 'food from sunlight';
const reranker = await openReranker();
const stage = rescoringStage({ adapter: embeddedAdapter({ documents }), reranker });
const { hits, blockrank } = await stage.search({ query });
for (const { title, blockrank: mark } of hits)
  console.log(`${mark?.firstStageRank} -> ${mark?.rank}  ${title}`);
console.log(blockrank?.timings);
await stage.close();
await reranker.close();
