/** What the stage itself costs: everything around the search server and the model. */
import { elasticsearchAdapter } from '../adapters/elasticsearch/index.ts';
import { type Reranker, rescoringStage } from '../index.ts';
import { atMost, type Bench, rounded } from './support/bench.ts';
import { percentile, timed } from './support/measure.ts';
import { documentsOf, question } from './support/texts.ts';

const hits = 100;
const warmUps = 200;
const requests = 2000;

export const stage: Bench = {
  about: `The stage without a model: ${hits} hits through the Elasticsearch adapter, a client and a reranker that answer at once.`,
  async run() {
    const response = JSON.stringify(searchResponse());
    let answer: object = {};
    const client = { search: async () => answer, msearch: async () => ({ responses: [] }) };
    const adapter = elasticsearchAdapter({ client, fields: ['title', 'body'] });
    const subject = rescoringStage({ adapter, reranker: instantReranker });
    try {
      const times: number[] = [];
      for (let seed = 0; seed < warmUps + requests; seed += 1) {
        // A client hands out a new object each time; parsing it is the client's cost.
        answer = JSON.parse(response) as object;
        const request = { index: 'articles', query: { match: { body: question(seed) } } };
        const time = await timed(() => subject.search(request));
        if (seed >= warmUps) times.push(time);
      }
      const p50 = percentile(times, 0.5);
      return {
        figures: { hits, requests, p50Ms: rounded(p50), p95Ms: rounded(percentile(times, 0.95)) },
        checks: [atMost(`overhead for ${hits} hits, ms (p50)`, p50, 1)],
      };
    } finally {
      await subject.close();
    }
  },
};

function searchResponse(): object {
  const bodies = documentsOf(hits, 128);
  return {
    took: 1,
    timed_out: false,
    _shards: { total: 1, successful: 1, skipped: 0, failed: 0 },
    hits: {
      total: { value: 10_000, relation: 'gte' },
      max_score: hits,
      hits: bodies.map((body, i) => ({
        _index: 'articles',
        _id: String(i),
        _score: hits - i,
        _source: { title: `Article ${i}`, body },
      })),
    },
  };
}

/** Turns the list around. */
const instantReranker: Reranker = {
  info: {
    name: 'instant',
    encodingDigest: 'instant',
    readoutDigest: 'instant',
    profile: 'cacheable',
    executionProvider: 'none',
    languages: ['en'],
    ready: true,
  },
  async rerank({ candidates }) {
    const n = candidates.length;
    return {
      candidates: candidates.map((_, i) => ({
        index: n - 1 - i,
        logit: n - i,
        score: (2 * (n - i)) / (n * (n + 1)),
      })),
      usage: { tokens: 0, truncatedTokens: 0, statesFound: n, statesEncoded: 0 },
    };
  },
  close: async () => undefined,
};
