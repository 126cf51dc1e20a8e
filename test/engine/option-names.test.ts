import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { buildEmbeddedIndex, embeddedAdapter } from '../../adapters/embedded/index.ts';
import { opensearchAdapter } from '../../adapters/opensearch/index.ts';
import {
  ConfigurationError,
  failoverReranker,
  fusion,
  lmdbSource,
  memorySource,
  openDecoderReranker,
  openEmbedder,
  openEncoderReranker,
  openReranker,
  pullModel,
  redisSource,
  remoteReranker,
  shadowReranker,
} from '../../engine/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../plugin/middleware/index.ts';
import { openProxy } from '../../plugin/proxy/index.ts';
import { rerankService } from '../../plugin/service/index.ts';
import { rescoringStage } from '../../plugin/stage/index.ts';
import { fakeReranker } from '../../plugin/testing/index.ts';
import { shortlistOf } from '../support/tiny/shortlist.ts';
import { tinyDecoder } from '../support/tiny/tiny-decoder.ts';
import { tinyModel } from '../support/tiny/tiny-model.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blockrank-options-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const reranker = fakeReranker();
const call = async (): Promise<never> => {
  throw new Error('never asked');
};
const client = { search: call, msearch: call, mget: call, child: () => client, transport: {} };
const documents = [{ docId: 'a', text: 'a' }];

/** Every opener and factory with an option misspelt, and the name that was meant. */
const misspelt: readonly (readonly [string, string, string, (wrong: object) => unknown])[] = [
  ['openReranker', 'precison', 'precision', (wrong) => openReranker(wrong)],
  ['openEncoderReranker', 'worker', 'workers', (wrong) => openEncoderReranker(wrong)],
  ['openEmbedder', 'maxCharacter', 'maxCharacters', (wrong) => openEmbedder(wrong)],
  ['lmdbSource', 'codecs', 'codec', (wrong) => lmdbSource({ folder, ...wrong })],
  ['memorySource', 'maxByte', 'maxBytes', (wrong) => memorySource(wrong)],
  ['redisSource', 'ttlMS', 'ttlMs', (wrong) => redisSource({ client: {} as never, ...wrong })],
  [
    'failoverReranker',
    'onFailOver',
    'onFailover',
    (wrong) => failoverReranker({ rerankers: [reranker], ...wrong }),
  ],
  [
    'shadowReranker',
    'shares',
    'share',
    (wrong) =>
      shadowReranker({ primary: reranker, shadow: reranker, onComparison: () => undefined, ...wrong }),
  ],
  [
    'remoteReranker',
    'apikey',
    'apiKey',
    (wrong) => remoteReranker({ api: 'tei', url: 'http://x', ...wrong }),
  ],
  ['fusion', 'weigth', 'weight', (wrong) => fusion(wrong)],
  ['pullModel', 'revison', 'revision', (wrong) => pullModel('a/b', wrong)],
  [
    'elasticsearchAdapter',
    'field',
    'fields',
    (wrong) => elasticsearchAdapter({ client, fields: ['a'], ...wrong }),
  ],
  [
    'opensearchAdapter',
    'seperator',
    'separator',
    (wrong) => opensearchAdapter({ client, fields: ['a'], ...wrong }),
  ],
  ['embeddedAdapter', 'stem', 'stems', (wrong) => embeddedAdapter({ documents, ...wrong })],
  ['buildEmbeddedIndex', 'stopwords', 'stopWords', (wrong) => buildEmbeddedIndex({ documents, ...wrong })],
  [
    'rescoringStage',
    'deadlineMS',
    'deadlineMs',
    (wrong) => rescoringStage({ adapter: embeddedAdapter({ documents }), reranker, ...wrong }),
  ],
  [
    'withElasticsearchReranking',
    'highlights',
    'highlight',
    (wrong) => withElasticsearchReranking(client, { reranker, fields: ['a'], ...wrong }),
  ],
  [
    'withOpenSearchReranking',
    'maxResultWindows',
    'maxResultWindow',
    (wrong) => withOpenSearchReranking(client, { reranker, fields: ['a'], ...wrong }),
  ],
  ['rerankService', 'loger', 'logger', (wrong) => rerankService(wrong)],
  ['openProxy', 'prot', 'port', (wrong) => openProxy({ target: 'http://localhost:1', ...wrong } as never)],
];

describe('an option whose name is none', () => {
  it.each(misspelt)('is an error of %s: %s, with the nearest name, %s', async (_what, wrong, meant, open) => {
    const error = await Promise.resolve()
      .then(() => open({ [wrong]: 1 }))
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).issues).toContainEqual({
      path: wrong,
      message: `there is no option "${wrong}"; did you mean ${meant}?`,
    });
  });

  it('is named beside the ones that there are where none is near', () => {
    expect(() => memorySource({ colour: 'red' } as never)).toThrow(
      'colour: there is no option "colour"; there are maxBytes',
    );
  });

  it('inside of another is named by its path', () => {
    const adapter = embeddedAdapter({ documents });
    expect(() => rescoringStage({ adapter, reranker, cache: { maxEntry: 1 } as never })).toThrow(
      'cache.maxEntry: there is no option "maxEntry"; did you mean maxEntries?',
    );
  });

  it('counts for nothing where it is undefined', () => {
    expect(() => memorySource({ colour: undefined } as never)).not.toThrow();
  });
});

describe('stateFolder', () => {
  it('keeps states between two rerankers', async () => {
    const model = await tinyModel();
    const stateFolder = join(folder, 'states');
    for (const encoded of [2, 0]) {
      const opened = await openReranker({ model, workers: 1, stateFolder });
      const { usage } = await opened.rerank(shortlistOf('plants', 'plants make food', 'stocks fell'));
      await opened.close();
      expect(usage.statesEncoded).toBe(encoded);
    }
    expect(existsSync(join(stateFolder, 'data.mdb'))).toBe(true);
  });

  it('is an option of encoders alone', async () => {
    const model = await tinyDecoder();
    await expect(openDecoderReranker({ model, stateFolder: folder } as never)).rejects.toThrow(
      /stateFolder: a decoder has no such option/,
    );
  });
});

describe('dropping', () => {
  it('is an option of encoders that keep states alone', async () => {
    const model = await tinyDecoder();
    const dropping = { keep: 0.5 };
    await expect(openDecoderReranker({ model, dropping })).rejects.toThrow(
      /dropping: a decoder has no such option/,
    );
  });
});
