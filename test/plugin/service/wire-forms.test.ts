import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  elasticsearchCustomScores,
  elasticsearchHuggingFaceScores,
  openSearchScores,
} from '../../support/checks/strict-parsers.ts';
import { recordedRequest, type TestService, testService } from '../../support/servers/test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await testService();
});
afterAll(() => service.close());

const ask = { query: 'dogs bark', documents: ['birds fly', 'dogs bark loud', 'fish', 'dogs sleep'] };
/** Best first: two words of the query, one, none and none in the request's order. */
const order = [1, 3, 0, 2];
const entry = z.strictObject({ index: z.int(), relevance_score: z.number() });
const meta = z.strictObject({
  api_version: z.strictObject({ version: z.string() }),
  billed_units: z.strictObject({ search_units: z.literal(1) }),
  tokens: z.strictObject({ input_tokens: z.int() }),
});

describe('answers as search servers parse them', () => {
  for (const version of ['3.6.0', '2.19.6']) {
    it(`gives OpenSearch ${version} a Double a document, whatever its request holds`, async () => {
      const body = recordedRequest(`opensearch-${version}`);
      const { documents } = JSON.parse(body) as { documents: string[] };
      const { status, text } = await service.post('/v1/rerank', body);
      expect(status).toBe(200);
      expect(openSearchScores(text, documents.length)).toHaveLength(documents.length);
    });
  }

  it("gives Elasticsearch's service custom an object with a score a document", async () => {
    const { text } = await service.post('/v1/rerank', recordedRequest('elasticsearch-custom'));
    const scores = elasticsearchCustomScores(text, 3);
    expect(Math.max(...scores)).toBe(scores[1]);
  });

  it("gives Elasticsearch's service hugging_face entries without a field that it does not know", async () => {
    const { text } = await service.post('/rerank', recordedRequest('elasticsearch-hugging-face'));
    const scores = elasticsearchHuggingFaceScores(text, 3);
    expect(Math.max(...scores)).toBe(scores[1]);
  });

  it('keeps documents that differ apart after float32 and after the transform, also where the model does not', async () => {
    const flat = await testService({ reranker: fakeReranker({ logit: () => 3, calibrate: () => 1 }) });
    const documents = Array.from({ length: 1000 }, (_, i) => `document ${i}`);
    const { text } = await flat.post('/v1/rerank', { query: 'any', documents });
    for (const scores of [openSearchScores(text, 1000), elasticsearchCustomScores(text, 1000)]) {
      expect(new Set(scores).size).toBe(1000);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    }
    await flat.close();
  });
});

describe('each API in its own form', () => {
  it('Cohere v2: id, results, meta, and nothing else', async () => {
    for (const path of ['/cohere/v2/rerank', '/v2/rerank']) {
      const { json } = await service.post(path, { ...ask, model: 'blockrank', max_tokens_per_doc: 4096 });
      const form = z.strictObject({ id: z.uuid(), results: z.array(entry), meta });
      const { results } = form.parse(json);
      expect(results.map(({ index }) => index)).toEqual(order);
      expect(json.meta.api_version.version).toBe('2');
    }
  });

  it('Cohere v1: documents as objects, read by their rank fields and given back as they came', async () => {
    const documents = [{ title: 'birds', text: 'fly' }, { title: 'dogs', text: 'bark' }, 'plain text'];
    const { json } = await service.post('/cohere/v1/rerank', {
      query: 'dogs bark',
      documents,
      rank_fields: ['title', 'text'],
      return_documents: true,
      top_n: 1,
    });
    const form = z.strictObject({
      id: z.uuid(),
      results: z.array(entry.extend({ document: z.unknown() })),
      meta,
    });
    expect(form.parse(json).results.map(({ document }) => document)).toEqual([documents[1]]);
  });

  it('Jina: documents come back unless they are not wanted, tokens are counted', async () => {
    const form = z.strictObject({
      model: z.literal('blockrank'),
      object: z.literal('list'),
      usage: z.strictObject({ total_tokens: z.int(), prompt_tokens: z.int() }),
      results: z.array(entry.extend({ document: z.strictObject({ text: z.string() }).optional() })),
    });
    const whole = form.parse((await service.post('/jina/v1/rerank', { ...ask, model: 'blockrank' })).json);
    expect(whole.results[0]!.document).toEqual({ text: 'dogs bark loud' });
    const { json } = await service.post('/jina/v1/rerank', {
      query: ask.query,
      documents: [{ text: 'dogs' }, 'cats'],
      return_documents: false,
    });
    expect(form.parse(json).results.every(({ document }) => document === undefined)).toBe(true);
  });

  it('Voyage: data, top_k, documents as text', async () => {
    const { json } = await service.post('/voyage/v1/rerank', {
      ...ask,
      model: 'blockrank',
      top_k: 2,
      return_documents: true,
    });
    const form = z.strictObject({
      object: z.literal('list'),
      data: z.array(entry.extend({ document: z.string() })),
      model: z.literal('blockrank'),
      usage: z.strictObject({ total_tokens: z.int() }),
    });
    expect(form.parse(json).data.map(({ document }) => document)).toEqual(['dogs bark loud', 'dogs sleep']);
  });

  it('TEI: an array; all texts whatever top_n says; text on request alone', async () => {
    const { query, documents: texts } = ask;
    const plain = z.array(z.strictObject({ index: z.int(), score: z.number() }));
    const { json } = await service.post('/rerank', { query, texts, top_n: 2 });
    expect(plain.parse(json).map(({ index }) => index)).toEqual(order);
    const told = await service.post('/rerank', { query, texts, return_text: true, raw_scores: true });
    expect(told.json[0]).toMatchObject({ index: 1, text: 'dogs bark loud' });
  });

  it('the union: whoever reads Cohere v1 or Jina reads it', async () => {
    const { json } = await service.post('/v1/rerank', { ...ask, return_documents: true, top_n: 2 });
    const form = z.strictObject({
      id: z.uuid(),
      model: z.string(),
      object: z.literal('list'),
      results: z.array(entry.extend({ document: z.strictObject({ text: z.string() }) })),
      meta,
      usage: z.strictObject({ total_tokens: z.int(), prompt_tokens: z.int() }),
    });
    expect(form.parse(json).results.map(({ index }) => index)).toEqual([1, 3]);
  });

  it('native: ids, logits, explanations, and what it cost', async () => {
    const { json } = await service.post('/blockrank/rerank', {
      query: 'dogs bark',
      documents: [
        { id: 'a', text: 'cats' },
        { id: 'b', text: 'dogs bark' },
      ],
      explain: true,
    });
    expect(json).toMatchObject({ model: 'blockrank', reranked: true, cache: 'miss' });
    expect(json.results[0]).toMatchObject({ index: 1, id: 'b', logit: 2, explanation: { spans: [] } });
  });

  it('native and union: passages, and the documents cut down to them', async () => {
    const documents = ['Cats sleep. Dogs bark. Dogs run.', 'Birds fly.'];
    const looking = fakeReranker({
      answer: (ranking) => ({
        ...ranking,
        answerable: 0.75,
        candidates: ranking.candidates.map((candidate) => ({
          ...candidate,
          explanation: { spans: candidate.index === 0 ? [{ start: 12, end: 16, mass: 0.5 }] : [] },
        })),
      }),
    });
    const own = await testService({ reranker: looking });
    const body = { query: 'dogs bark', documents, passages: { perHit: 1 } };
    const { json } = await own.post('/blockrank/rerank', body);
    const passage = { start: 12, end: 22, tokens: 3, mass: 0.5, text: 'Dogs bark.' };
    expect(json.answerable).toBe(0.75);
    expect(json.results[0]).toMatchObject({ passages: [passage], prunedText: 'Dogs bark.' });
    expect(json.results[0]).not.toHaveProperty('explanation');
    expect(json.results[1]).toMatchObject({ passages: [], prunedText: '' });
    const union = await own.post('/v1/rerank', body);
    expect(union.json.results.map(({ pruned_text }: { pruned_text: string }) => pruned_text)).toEqual([
      'Dogs bark.',
      '',
    ]);
    const wrong = await own.post('/blockrank/rerank', { ...body, passages: { perHit: 0 } });
    expect([wrong.status, wrong.json.error.message]).toEqual([
      400,
      expect.stringContaining('passages.perHit'),
    ]);
    await own.close();
  });

  it('native: fuses the scores of a lexical first stage when every document has one', async () => {
    const documents = ['dogs', 'dogs bark', 'nothing'].map((text, i) => ({ text, score: i === 0 ? 9 : 1 }));
    const alone = await service.post('/blockrank/rerank', {
      query: 'dogs bark',
      documents: documents.map(({ text }) => text),
    });
    const fused = await service.post('/blockrank/rerank', { query: 'dogs bark', documents });
    expect(fused.json.results[0].logit).not.toBe(alone.json.results[0].logit);
  });
});

describe('documents without text', () => {
  const mixed = ['dogs', null, 1984, true, 'dogs bark'];
  const objects = mixed.map((text) => ({ text }));
  it.each([
    ['/v1/rerank', 'documents', mixed],
    ['/v1/rerank', 'documents', objects],
    ['/cohere/v1/rerank', 'documents', objects],
    ['/v2/rerank', 'documents', mixed],
    ['/jina/v1/rerank', 'documents', objects],
    ['/voyage/v1/rerank', 'documents', mixed],
    ['/rerank', 'texts', mixed],
    ['/blockrank/rerank', 'documents', objects],
  ] as const)('do not refuse the others (%s)', async (path, key, documents) => {
    const reranker = fakeReranker();
    const own = await testService({ reranker });
    const { status, json } = await own.post(path, { query: 'dogs bark', [key]: documents });
    expect(status).toBe(200);
    const entries = (json.results ?? json.data ?? json) as { index: number }[];
    expect(entries.map(({ index }) => index)).toEqual([4, 0, 1, 2, 3]);
    const texts = reranker.calls[0]!.candidates.map(({ text }) => text);
    expect(texts).toEqual(['dogs', '', '1984', 'true', 'dogs bark']);
    await own.close();
  });

  it('that are lists or objects of nothing to read are refused, by their place', async () => {
    const nested = await service.post('/v2/rerank', { query: 'a', documents: ['b', ['c']] });
    expect([nested.status, nested.json.message]).toEqual([
      400,
      'Cannot read the request: documents[1]: expected string, got a list.',
    ]);
    const other = await service.post('/v1/rerank', { query: 'a', documents: [{ txt: 'b' }] });
    expect([other.status, other.json.message]).toEqual([
      400,
      'Cannot read the request: documents[0]: expected a field "text", or rank_fields that name others.',
    ]);
  });
});

describe('errors', () => {
  const bodies: readonly [path: string, wrong: object, status: number, shape: z.ZodType][] = [
    ['/v1/rerank', { query: 1 }, 400, z.strictObject({ message: z.string(), detail: z.string() })],
    ['/cohere/v1/rerank', { query: 1 }, 400, z.strictObject({ message: z.string() })],
    ['/v2/rerank', { query: 'a', documents: [] }, 400, z.strictObject({ message: z.string() })],
    ['/jina/v1/rerank', { documents: ['a'] }, 422, z.strictObject({ detail: z.string() })],
    ['/voyage/v1/rerank', { query: 'a' }, 400, z.strictObject({ detail: z.string() })],
    [
      '/rerank',
      { query: 'a', texts: 'secret words' },
      422,
      z.strictObject({ error: z.string(), error_type: z.literal('Validation') }),
    ],
    [
      '/blockrank/rerank',
      { query: 'a', documents: [{ txt: 'secret words' }] },
      400,
      z.strictObject({
        error: z.strictObject({ code: z.literal('invalid'), message: z.string(), requestId: z.uuid() }),
      }),
    ],
  ];
  it.each(bodies)('%s tells in its own shape what is wrong with %j', async (path, wrong, status, shape) => {
    const reply = await service.post(path, wrong);
    expect(reply.status).toBe(status);
    expect(() => shape.parse(reply.json)).not.toThrow();
    expect(reply.text).toContain('expected');
  });

  it('never quote a query or a document, whatever is wrong', async () => {
    const secret = 'the secret of the shop';
    const wrong = [
      { query: [secret], documents: [secret] },
      { query: secret, documents: { text: secret } },
      { query: secret, documents: [{ txt: secret }, 5], top_n: secret },
      `{"query": "${secret}", `,
      `"${secret}"`,
      // Names of a document's fields are the document's, too.
      { query: 'a', documents: [{ [secret]: JSON.parse('['.repeat(40) + ']'.repeat(40)) as object }] },
      { query: 'a', documents: [{ [secret]: 1 }, 1], rank_fields: [secret, 1] },
      { query: 'a', documents: [{ text: { [secret]: secret } }, [1]], [secret]: 1 },
      { query: 'a', texts: [{ [secret]: 1 }] },
    ];
    for (const path of ['/v1/rerank', '/v2/rerank', '/rerank', '/jina/v1/rerank', '/blockrank/rerank']) {
      for (const body of wrong) {
        const { text, status } = await service.post(path, body);
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
        expect(text).not.toContain('secret');
      }
    }
    expect(service.lines.join('')).not.toContain('secret');
  });

  it('says in the form of the route that a reranker failed, and keeps what it said to itself', async () => {
    const failing = await testService({
      reranker: fakeReranker({
        fault: () => {
          throw new Error('cannot read "the secret of the shop"');
        },
      }),
    });
    expect((await failing.post('/rerank', { query: 'a', texts: ['b'] })).status).toBe(424);
    const { status, text } = await failing.post('/v1/rerank', { query: 'a', documents: ['b'] });
    expect(status).toBe(500);
    expect(text + failing.lines.join('')).not.toContain('secret');
    await failing.close();
  });
});

describe('a query without words', () => {
  it('gets the documents in the order that they came in, and is told so', async () => {
    const { QueryError } = await import('../../../engine/index.ts');
    const wordless = await testService({
      reranker: fakeReranker({
        fault: () => {
          throw new QueryError('it holds no word');
        },
      }),
    });
    const { text, headers, status } = await wordless.post('/v1/rerank', {
      query: '???',
      documents: ['a', 'b', 'c'],
    });
    expect(status).toBe(200);
    expect(headers.get('x-blockrank-reranked')).toBe('false');
    const scores = openSearchScores(text, 3);
    expect(scores[0]! > scores[1]! && scores[1]! > scores[2]!).toBe(true);
    const native = await wordless.post('/blockrank/rerank', { query: '???', documents: ['a'] });
    expect(native.json).toMatchObject({ reranked: false, reason: 'no-query-text' });
    await wordless.close();
  });
});

describe('documents in a language that the model does not read', () => {
  const spanish = {
    query: 'setas venenosas',
    documents: [
      'El bosque es más hermoso en otoño, cuando las hojas cambian de color.',
      'Mucha gente busca entonces setas, algunas de las cuales son muy venenosas.',
    ],
  };

  it('keep the order of the request, with descending scores, and the answer says why', async () => {
    const { post, close } = await testService();
    const { text, headers } = await post('/v1/rerank', spanish);
    expect(headers.get('x-blockrank-reranked')).toBe('false');
    const scores = openSearchScores(text, 2);
    expect(scores[0]).toBeGreaterThan(scores[1]!);
    const native = await post('/blockrank/rerank', spanish);
    expect(native.json).toMatchObject({ reranked: false, reason: 'language' });
    await close();
  });

  it('are ranked where the guard is switched off', async () => {
    const { post, close } = await testService({ config: { languageGuard: false } });
    expect((await post('/blockrank/rerank', spanish)).json).toMatchObject({ reranked: true });
    await close();
  });
});

describe('models', () => {
  it('are found by name and by alias, the first without a name, and never by path', async () => {
    const shop = fakeReranker({ info: { name: 'shop' } });
    const named = await testService({
      models: [
        { name: 'blockrank', reranker: fakeReranker() },
        { name: 'shop', reranker: shop, aliases: ['rerank-*'] },
      ],
    });
    const askFor = (model?: string) => named.post('/v1/rerank', { ...ask, model });
    expect((await askFor()).json.model).toBe('blockrank');
    expect((await askFor('shop')).json.model).toBe('shop');
    expect((await askFor('rerank-v3.5')).json.model).toBe('shop');
    expect(shop.calls).toHaveLength(1);
    for (const name of ['../../etc/passwd', '__proto__', 'constructor', '%2e%2e/x', 'shop\u0000', 'SHOP']) {
      const { status, json } = await askFor(name);
      expect(status).toBe(404);
      expect(json.message).toBe('No model of that name is served. Served: blockrank, shop.');
    }
    const { data } = (await (await fetch(`${named.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(['blockrank', 'shop']);
    await named.close();
  });
});

describe('the reference', () => {
  it('describes every route that ranks, and is shown as a page', async () => {
    const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, { post?: { requestBody?: unknown } }>;
    };
    const paths = ['/v1/rerank', '/v2/rerank', '/cohere/v1/rerank', '/cohere/v2/rerank', '/jina/v1/rerank'];
    for (const path of [...paths, '/voyage/v1/rerank', '/rerank', '/blockrank/rerank']) {
      expect(document.paths[path]?.post?.requestBody, path).toBeDefined();
    }
    const page = await fetch(`${service.url}/docs/`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('swagger-ui');
  });

  it('lists every failure of a form, and which routes need no key', async () => {
    type Operation = { responses: Record<string, { content?: object }>; security?: unknown };
    const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
      paths: Record<string, { post?: Operation; get?: Operation }>;
    };
    const statuses = (path: string): string[] => Object.keys(document.paths[path]!.post!.responses);
    expect(statuses('/v1/rerank')).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '413', '415', '429', '500', '503']),
    );
    expect(statuses('/jina/v1/rerank')).toContain('422');
    expect(statuses('/rerank')).toContain('424');
    expect(document.paths['/healthz']!.get!.security).toEqual([]);
    expect(document.paths['/v1/models']!.get!.security).toBeUndefined();
  });

  it('tells an unknown route from a wrong method, before it reads a body', async () => {
    const { status, json } = await service.post('/nowhere', 'x'.repeat(100));
    expect([status, json.message]).toEqual([404, 'There is no such route; /docs lists all.']);
    const wrong = await fetch(`${service.url}/v1/rerank`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    const health = await fetch(`${service.url}/healthz`, { method: 'POST', body: 'x' });
    expect([health.status, health.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('answers a path that is none in its own shape', async () => {
    const { status, json } = await service.post('/v1/%', ask);
    expect([status, json.message]).toEqual([
      400,
      'Cannot read the path: it is not percent-encoded as it should be.',
    ]);
  });
});

describe('what holds nothing to read', () => {
  it.each(['/v1/rerank', '/cohere/v1/rerank'])('is refused on %s when it is an object', async (path) => {
    const documents = [{ text: 'a' }, { title: 'secret' }];
    const { status, json } = await service.post(path, { query: 'a', documents });
    expect([status, json.message]).toEqual([
      400,
      'Cannot read the request: documents[1]: expected a field "text", or rank_fields that name others.',
    ]);
  });

  it('has the status of each form when it is a list', async () => {
    const empty = await service.post('/rerank', { query: 'a', texts: [] });
    expect([empty.status, empty.json.error_type]).toEqual([400, 'Empty']);
    expect((await service.post('/jina/v1/rerank', { query: 'a', documents: [] })).status).toBe(422);
    expect((await service.post('/v2/rerank', { query: 'a', documents: [] })).status).toBe(400);
  });

  it('is no question that is given as Jina gives it', async () => {
    const { status, json } = await service.post('/v1/rerank', { ...ask, query: { text: ask.query } });
    expect([status, json.results[0].index]).toEqual([200, 1]);
  });
});
