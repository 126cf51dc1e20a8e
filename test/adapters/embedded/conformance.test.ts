import {
  buildEmbeddedIndex,
  type EmbeddedDocument,
  embeddedAdapter,
} from '../../../adapters/embedded/index.ts';
import {
  adapterSuite,
  type SuiteDocument,
  suiteDocuments,
  suiteSignals,
} from '../../../plugin/testing/index.ts';

const noSource = 'an embedded hit is always the whole document';
const noRefusal = 'nothing between the caller and the index can refuse a search';

adapterSuite({
  name: 'embedded',
  open: async () => ({
    adapter: embeddedAdapter({
      index: await buildEmbeddedIndex({ documents: suiteDocuments.map(toDocument) }),
      signals: suiteSignals,
    }),
    hasSignals: true,
    request: ({ query, from, size }) => ({ query, from, size }),
    hits: ({ hits }) =>
      hits.map(({ docId, score, title, text, blockrank }) => ({
        docId,
        score,
        source: { title, text },
        mark: blockrank,
      })),
    mark: ({ blockrank }) => blockrank,
    malformed: { total: 3 } as never,
  }),
  skip: [
    {
      test: 'passes a search with an order of its own as it is',
      reason: 'the index knows no order but its score',
    },
    { test: 'brings back the whole document where that was asked for', reason: noSource },
    { test: 'brings back only the chosen fields', reason: noSource },
    { test: 'leaves out the fields that were not wanted', reason: noSource },
    { test: 'brings back no fields where none were wanted', reason: noSource },
    { test: 'gives the error of one search in its place among several', reason: noRefusal },
    { test: 'rejects a refused search with a FirstStageError that carries the status', reason: noRefusal },
  ],
});

function toDocument({ docId, title, body, ...signals }: SuiteDocument): EmbeddedDocument {
  return { docId, title, text: body === undefined ? undefined : [body].flat().join(' '), signals };
}
