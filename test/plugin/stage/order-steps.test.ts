import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EmbeddedDocument, embeddedAdapter } from '../../../adapters/embedded/index.ts';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import { ConfigurationError } from '../../../engine/index.ts';
import { fetchedSignals } from '../../../plugin/compose/fetched-signals.ts';
import { composeStage } from '../../../plugin/compose/stage.ts';
import { loadConfig } from '../../../plugin/config/index.ts';
import { withOpenSearchReranking } from '../../../plugin/middleware/index.ts';
import { rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';

/** Words by document decide the fake's logit; the first stage finds all of them. */
const logits: Readonly<Record<string, number>> = {
  old: 4,
  fresh: 3.8,
  gone: 3,
  third: 2,
  code: 0,
  'gift-card': -2,
};

const documents: readonly EmbeddedDocument[] = [
  { docId: 'code', text: 'lamp lamp lamp lamp part', signals: { sku: 'AB-1234', shop: 'b', inStock: true } },
  {
    docId: 'old',
    text: 'lamp one',
    signals: { published: '2001-01-01', shop: 'a', inStock: true, sales: 5 },
  },
  {
    docId: 'fresh',
    text: 'lamp two',
    signals: { published: new Date().toISOString(), shop: 'a', place: { lat: 52.52, lon: 13.4 } },
  },
  { docId: 'gone', text: 'lamp three', signals: { shop: 'a', inStock: false, sales: 'many' } },
  { docId: 'third', text: 'lamp four', signals: { shop: 'c', sales: 100 } },
  { docId: 'gift-card', text: 'lamp five' },
];

const reranker = () => fakeReranker({ logit: ({ docId }) => logits[docId] ?? 0 });

async function exampleFile(): Promise<string> {
  const page = await readFile(new URL('../../../docs/signals.md', import.meta.url), 'utf8');
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(page)!;
  const path = join(await mkdtemp(join(tmpdir(), 'signals-')), 'blockrank.config.yaml');
  await writeFile(path, yaml);
  return path;
}

describe('the example of docs/signals.md', () => {
  it('orders the hits of an index, and tells each hit why', async () => {
    const { index, stage: settings } = await loadConfig(await exampleFile(), {});
    const names = fetchedSignals(index, settings);
    expect(names).toEqual(['published', 'place', 'sales', 'inStock', 'shop', 'sku']);
    const adapter = embeddedAdapter({ documents, signals: names });
    const { stage, close } = await composeStage({
      adapter,
      reranker: {},
      // The fake has no embedder: variety has nothing to go by.
      stage: { ...settings, fusion: false },
      openReranker: async () => reranker(),
    });
    const { hits, blockrank } = await stage.search({ query: 'lamp AB-1234' });
    await close();
    expect(blockrank).toMatchObject({ reranked: true });
    expect(hits.map(({ docId }) => docId)).toEqual([
      'gift-card', // pinned
      'fresh', // its age and its place lift it above the older one
      'old',
      'code', // holds the identifier, and so comes at most three ranks below its own
      'third',
      'gone', // a shop's third hit
    ]);
    const byId = Object.fromEntries(hits.map(({ docId, blockrank: mark }) => [docId, mark!]));
    for (const { parts } of Object.values(byId)) {
      expect(parts!.slice(0, 5).map(({ name }) => name)).toEqual([
        'ranking',
        'published',
        'place',
        'sales',
        'inStock',
      ]);
    }
    expect(byId['gift-card']!.parts!.map(({ name }) => name)).toContain('pin');
    expect(byId['fresh']!.parts![1]!.value).toBeCloseTo(0.5, 6);
    expect(byId['gone']!.parts!.find(({ name }) => name === 'inStock')!.value).toBe(-0.4);
    expect(byId['code']!.protectedAs).toBe('identifier');
    expect(hits[0]).not.toHaveProperty('signals');
  });

  it('is refused as a whole, with every fault at its place', async () => {
    const path = await exampleFile();
    const yaml = await readFile(path, 'utf8');
    await writeFile(
      path,
      yaml
        .replace('scale: 30d', 'scale: soon')
        .replace('lambda: 0.8', 'lambda: 8')
        .replace('maxDemotion: 3', 'maxDemotion: -3'),
    );
    const refused = await loadConfig(path, {}).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ConfigurationError);
    expect((refused as ConfigurationError).issues.map((issue) => issue.path)).toEqual([
      'stage.signals.0.scale',
      'stage.diversify.lambda',
      'stage.orderLimits.maxDemotion',
    ]);
  });
});

describe('signals of a stage', () => {
  const rule = { function: 'log', field: 'sales', max: 100, weight: 1 } as const;

  it('keep the first-stage order, with an error that names the field, where the adapter does not fetch it', async () => {
    const stage = rescoringStage({
      adapter: embeddedAdapter({ documents }),
      reranker: reranker(),
      signals: [rule],
    });
    const { hits, blockrank } = await stage.search({ query: 'lamp' });
    expect(blockrank).toMatchObject({
      reranked: false,
      reason: 'rerank-error',
      error: { code: 'configuration' },
    });
    expect(blockrank!.error!.message).toContain('"sales"');
    expect(hits[0]!.docId).toBe('code');
  });

  it('see near-duplicates apart, and limits of the order hold where those stand', async () => {
    const twins = ['a', 'b', 'a', 'c'].map((word, i) => ({
      docId: `${i}`,
      text: `lamp ${word} Z-9000`,
      signals: { sales: i },
    }));
    const rows: Readonly<Record<string, number>> = { a: 0, b: 1, c: 2 };
    const inner = Object.assign(fakeReranker({ logit: (_one, _query, index) => index }), {
      embedder: {
        embed: async (texts: readonly string[]) => {
          const vectors = new Float32Array(texts.length * 3);
          for (const [i, text] of texts.entries()) vectors[i * 3 + rows[text[5]!]!] = 1;
          return { width: 3, rows: vectors };
        },
      },
    });
    const served = async (extra: object): Promise<string[]> => {
      const adapter = embeddedAdapter({ documents: twins, signals: ['sales'] });
      const stage = rescoringStage({ adapter, reranker: inner, scoreSteps: [], duplicates: {}, ...extra });
      return (await stage.search({ query: 'lamp Z-9000' })).hits.map(({ docId }) => docId);
    };
    expect(await served({})).toEqual(['3', '1', '0', '2']);
    // Each has a score of its own field, the two twins too: the second is ahead of the first.
    expect(await served({ signals: [rule] })).toEqual(['3', '1', '2', '0']);
    // Four hits hold the identifier.
    expect(await served({ orderLimits: { promoteOnly: true } })).toEqual(['0', '1', '2', '3']);
  });

  it('are asked for by the middleware, beside names of fields', async () => {
    const seen: unknown[] = [];
    class Transport {}
    const client = {
      transport: new Transport(),
      search: async () => ({}),
      msearch: async () => ({}),
      child(options: { Transport: new () => unknown }) {
        seen.push(options.Transport);
        return this;
      },
    };
    const options = {
      reranker: reranker(),
      fields: ['title'],
      signals: ['price', rule],
      indices: ['*'],
    } as const;
    expect(() => withOpenSearchReranking(client as never, options)).not.toThrow();
    expect(() =>
      withOpenSearchReranking(client as never, { ...options, signals: [{ ...rule, max: 0 }] }),
    ).toThrow('signals.0.max');
    expect(seen).toHaveLength(1);
    expect(() =>
      opensearchAdapter({ client: client as never, fields: ['title'], signals: ['pri*'] }),
    ).toThrow(ConfigurationError);
  });
});
