/** What OpenSearch's rerank processor does to searches that nobody told it about. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOpenSearchState, readPipelineCounts } from '../../../adapters/opensearch/index.ts';
import { type Answered, ext, idsOf } from '../../support/servers/opensearch-installation.ts';
import { byWords, firstOrder, type InstallingOn, rerankedOrder, withoutExt } from './installing-on.ts';

/** Declares the tests. */
export function describeProcessorTraps(at: InstallingOn): void {
  const { search, isVersion2 } = at;

  describe('traps of the rerank processor', () => {
    beforeAll(async () => {
      await at.cluster.install({ serviceUrl: at.service.url, name: 'kept' });
      await at.cluster.install({ serviceUrl: at.service.url, name: 'strict', ignoreFailure: false });
    });
    afterAll(async () => {
      for (const name of ['kept', 'strict']) await at.cluster.uninstall(name);
    });
    const bare = (pipeline: string, body: object = byWords): Promise<Answered> =>
      at.cluster.ask('POST', `/animals/_search?search_pipeline=${pipeline}`, body);
    const documents = (): readonly string[] => at.service.asked.at(-1)!.documents;

    it('answers 500 without ext.rerank, or passes it over and counts a failure', async () => {
      const strict = await bare('strict');
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(withoutExt);
      const before = await readPipelineCounts(at.cluster.calls, 'kept');
      expect(idsOf(await bare('kept'))).toEqual(firstOrder);
      const { count, failed } = await readPipelineCounts(at.cluster.calls, 'kept');
      expect([count - before.count, failed - before.failed]).toEqual([1, 1]);
    });

    it('answers 500 with track_total_hits: false, or passes it over', async () => {
      const strict = await search('strict', { track_total_hits: false });
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(/null_pointer_exception/);
      expect(idsOf(await search('kept', { track_total_hits: false }))).toEqual(firstOrder);
    });

    it('answers 400 with size: 0, or passes it over', async () => {
      const strict = await search('strict', { size: 0 });
      expect(strict.status).toBe(400);
      expect(JSON.stringify(strict.body)).toContain('No text documents were provided');
      expect((await search('kept', { size: 0 })).status).toBe(200);
    });

    it('asks nothing when there are no hits', async () => {
      const answer = await search('strict', { query: { match: { body: 'nosuchword' } } });
      expect(answer.status).toBe(200);
      expect(at.service.asked).toEqual([]);
    });

    it('gives the model empty text when _source leaves the field out, and the text with "fields"', async () => {
      for (const filter of [false, ['title'], { excludes: ['body'] }]) {
        await search('strict', { _source: filter });
        expect(documents()).toEqual(['', '', '', '']);
      }
      await search('strict', { _source: false, fields: ['body'] });
      expect(documents()[0]).toBe('Birds are flying animals animals');
    });

    it('cuts from and size first, so that pages overlap', async () => {
      const first = idsOf(await search('strict', { size: 2 }));
      const second = idsOf(await search('strict', { size: 2, from: 2 }));
      expect(first).toEqual(['4', '2']);
      // The second page starts from the first stage's third hit, whatever the first page showed.
      expect(second).toEqual(['4', '2']);
    });

    it('repeats hits when search_after goes on from the last hit of a reranked page', async () => {
      const sort = { sort: [{ n: 'asc' }], size: 2 };
      const first = await search('strict', sort);
      const last = first.body.hits.hits.at(-1).sort;
      const second = await search('strict', { ...sort, search_after: last });
      const ids = [...idsOf(first), ...idsOf(second)];
      expect(new Set(ids).size).toBeLessThan(ids.length);
    });

    it('repeats hits, and leaves others out, when search_after goes on in a point in time', async () => {
      const path = '/animals/_search/point_in_time?keep_alive=1m';
      const { pit_id: id } = (await at.cluster.ask('POST', path)).body;
      const page = (more: object = {}): Promise<Answered> =>
        at.cluster.ask('POST', '/_search?search_pipeline=strict', {
          ...byWords,
          ...ext('q'),
          size: 2,
          sort: [{ n: 'asc' }],
          pit: { id },
          ...more,
        });
      const first = await page();
      const second = await page({ search_after: first.body.hits.hits.at(-1).sort });
      // The window is the whole list, of which page 1 shows the best two; page 2 goes on behind hit 3 in the order of n.
      expect([idsOf(first), idsOf(second)]).toEqual([['4', '3'], ['4']]);
      await at.cluster.ask('DELETE', '/_search/point_in_time', { pit_id: [id] });
    });

    it('reranks the first page of a scroll alone', async () => {
      const first = await search('strict', { size: 2 }, '&scroll=1m');
      expect(first.body.hits.max_score).toBeCloseTo(0.8);
      at.service.forget();
      await at.cluster.ask('POST', '/_search/scroll', { scroll: '1m', scroll_id: first.body._scroll_id });
      expect(at.service.asked).toEqual([]);
    });

    it('joins fields without a separator, lists in brackets, numbers as text', async () => {
      const plan = await at.cluster.install({
        serviceUrl: at.service.url,
        name: 'kept',
        fields: ['title', 'body', 'list', 'n', 'none'],
      });
      expect(plan.warnings.join()).toContain('without a separator');
      expect(plan.warnings.join()).toContain('has no field none');
      await search('kept');
      expect(documents()[0]).toBe('BirdsBirds are flying animals animals[x, y2]2');
    });

    it(`${isVersion2 ? 'ignores' : 'reads'} fields inside objects`, async () => {
      const plan = await at.cluster.install({ serviceUrl: at.service.url, name: 'kept', fields: ['sub.f'] });
      expect(plan.warnings.some((warning) => warning.includes('ignores fields inside objects'))).toBe(
        isVersion2,
      );
      await search('kept');
      expect(documents()[0]).toBe(isVersion2 ? '' : 'part 2');
    });

    it('refuses a query that is a JSON object, and sends every other text as it is', async () => {
      const refused = await search('strict', ext('{"a":1}'));
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain('Invalid payload');
      const texts = ['"exact phrase"', '123', '[1,2]', 'true', 'a \\ b\nc', 'x'.repeat(1001), ''];
      for (const text of texts) {
        expect((await search('strict', ext(text))).status).toBe(200);
        expect(at.service.asked.at(-1)!.query).toBe(text);
      }
    });

    it("substitutes the connector's own parameters inside the words of users", async () => {
      await search('strict', ext('about ${parameters.top_n}'));
      expect(at.service.asked.at(-1)!.query).toBe('about 4');
    });

    it('substitutes them inside documents too, also the words of the user', async () => {
      const text = 'animals ${parameters.query} and ${parameters.top_n}';
      await at.cluster.ask('PUT', '/placeholders/_doc/1?refresh=true', { body: text });
      const path = '/placeholders/_search?search_pipeline=strict';
      await at.cluster.ask('POST', path, { ...byWords, ...ext('the words') });
      expect(documents()).toEqual(['animals the words and 1']);
    });

    it('never puts the credential into the words of users', async () => {
      await search('strict', ext('about ${credential.key}'));
      expect(at.service.asked.at(-1)!.query).toBe('about ${credential.key}');
    });

    it('refuses words, of users or documents, with a parameter that the connector does not have', async () => {
      const words = 'about ${parameters.nothing}';
      const refused = await search('strict', ext(words));
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain('placeholder not filled in payload');
      expect(idsOf(await search('kept', ext(words)))).toEqual(firstOrder);
      expect(at.service.asked).toEqual([]);
      await at.cluster.ask('PUT', '/placeholder/_doc/1?refresh=true', { body: `animals ${words}` });
      const path = '/placeholder/_search?search_pipeline=strict';
      const found = await at.cluster.ask('POST', path, { ...byWords, ...ext('q') });
      expect(found.status).toBe(400);
      expect(JSON.stringify(found.body)).toContain('placeholder not filled in payload');
      expect(at.service.asked).toEqual([]);
    });

    it('keeps quotes, line ends and other scripts of documents', async () => {
      const text = 'animals "quoted" <b>\nnaïve 日本';
      await at.cluster.ask('PUT', '/letters/_doc/1?refresh=true', { body: text });
      await at.cluster.ask('POST', '/letters/_search?search_pipeline=strict', { ...byWords, ...ext('q') });
      expect(documents()).toEqual([text]);
    });

    it('wants a credential even for a service that asks for none', async () => {
      const { steps } = await at.cluster.plan({ serviceUrl: at.service.url, name: 'dummy' });
      const { credential: _, ...body } = steps[0]!.request.body as { credential?: object };
      const answer = await at.cluster.ask('POST', '/_plugins/_ml/connectors/_create', body);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).toMatch(/credential is null or empty/);
    });

    it('can be named in the body, in _msearch, and read the query by its path', async () => {
      const inBody = await at.cluster.ask('POST', '/animals/_search', {
        ...byWords,
        ...ext('q'),
        search_pipeline: 'strict',
      });
      expect(idsOf(inBody)).toEqual(rerankedOrder);
      const line = JSON.stringify({ ...byWords, ...ext('q'), search_pipeline: 'strict' });
      const many = await at.cluster.ask('POST', '/animals/_msearch', `{}\n${line}\n`);
      expect(idsOf({ status: 200, body: many.body.responses[0] })).toEqual(rerankedOrder);
      const path = { ext: { rerank: { query_context: { query_text_path: 'query.match.body.query' } } } };
      await search('strict', path);
      expect(at.service.asked.at(-1)!.query).toBe('animals');
    });

    it('is refused with its model or connector in use: what installing replaces is made beside it', async () => {
      const { models, connectors } = await readOpenSearchState(at.cluster.calls, 'kept');
      const [model, connector] = [models[0]!, connectors[0]!];
      const deployed = await at.cluster.ask('DELETE', `/_plugins/_ml/models/${model.id}`);
      expect(deployed.status).toBe(400);
      const changed = await at.cluster.ask('PUT', `/_plugins/_ml/connectors/${connector.id}`, {
        description: 'd',
      });
      expect(JSON.stringify(changed.body)).toContain('undeploy the models first');
      expect((await at.cluster.ask('DELETE', `/_plugins/_ml/connectors/${connector.id}`)).status).toBe(409);
    });
  });
}
