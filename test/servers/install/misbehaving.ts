/** What the cluster makes of a service that misbehaves, and what `blockrank status` says of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeReranking, readOpenSearchState } from '../../../adapters/opensearch/index.ts';
import type { Behaviour } from '../../support/doubles/rerank-service-double.ts';
import type { CliResult } from '../../support/programs/run-cli.ts';
import { type Answered, ext, idsOf } from '../../support/servers/opensearch-installation.ts';
import { byWords, firstOrder, type InstallingOn, rerankedOrder } from './installing-on.ts';

/** Declares the tests. */
export function describeMisbehaving(at: InstallingOn): void {
  const { search, cli, isVersion2 } = at;

  describe('a reranker that misbehaves', () => {
    beforeAll(async () => {
      const options = { serviceUrl: at.service.url, readTimeoutSeconds: 1 };
      await at.cluster.install({ ...options, name: 'kept', ignoreFailure: true });
      await at.cluster.install({ ...options, name: 'strict', ignoreFailure: false });
      await at.cluster.install({ ...options, name: 'lenient', ignoreFailure: false, reader: 'lenient' });
    });
    afterAll(async () => {
      for (const name of ['kept', 'strict', 'lenient']) await at.cluster.uninstall(name);
    });

    const message = '{"message":"boom from the service"}';
    const cases: readonly (readonly [string, Behaviour, number, RegExp])[] = [
      ['answers 500', { kind: 'status', status: 500, text: message }, 500, /boom from the service/],
      ['answers 429', { kind: 'status', status: 429, text: message }, 429, /boom from the service/],
      ['answers 400', { kind: 'status', status: 400, text: message }, 400, /boom from the service/],
      ['answers 502 in HTML', { kind: 'status', status: 502, text: '<html>' }, 502, /<html>/],
      ['answers garbage', { kind: 'status', status: 200, text: 'hello' }, 500, /property \['results'\]/],
      [
        'answers nothing',
        { kind: 'status', status: 200, text: '' },
        isVersion2 ? 400 : 502,
        /empty response body|No response from model/,
      ],
      ['hangs up', { kind: 'hangs-up' }, 500, /connection was closed/],
      ['is slower than the read timeout', { kind: 'slow', ms: 20_000 }, 500, /Read timed out/i],
      ['writes a whole number', { kind: 'literal', literal: '1' }, 500, /Integer cannot be cast/],
      ['writes a large whole number', { kind: 'literal', literal: '3000000000' }, 500, /Long cannot be cast/],
      ...['0.12345678901234567', '-0.1234567890123456', '1.234567890123456e-7'].map(
        (literal) =>
          [
            `writes the long literal ${literal}`,
            { kind: 'literal', literal },
            500,
            /BigDecimal cannot be cast/,
          ] as const,
      ),
      ['writes a score as text', { kind: 'literal', literal: '"0.5"' }, 500, /String cannot be cast/],
      ['writes NaN', { kind: 'literal', literal: 'NaN' }, 500, /Float cannot be cast/],
      ['writes null', { kind: 'literal', literal: 'null' }, 500, /null_pointer/],
      ['answers for fewer documents', { kind: 'drops', count: 1 }, 500, /out of bounds/],
      ['answers for none', { kind: 'drops', count: 9 }, 500, /null_pointer/],
      ['answers for more documents', { kind: 'drops', count: -1 }, 500, /not the same length/],
      ['gives one index twice', { kind: 'repeats' }, 500, /null_pointer/],
    ];

    it.each(cases)(
      '%s: the first order is kept, or the error names the cause',
      async (_name, behaviour, status, cause) => {
        at.service.behave(behaviour);
        const kept = await search('kept');
        expect(kept.status).toBe(200);
        expect(idsOf(kept)).toEqual(firstOrder);
        const strict = await search('strict');
        expect(strict.status).toBe(status);
        expect(JSON.stringify(strict.body.error).replaceAll('\\"', '"')).toMatch(cause);
        const verbose = await search('kept', {}, '&verbose_pipeline=true');
        const processor = verbose.body.processor_results.find(
          (one: { processor_name: string }) => one.processor_name === 'rerank',
        );
        expect(processor).toMatchObject({ status: 'fail', error: expect.any(String) });
      },
    );

    it('is stopped: the first order is kept, or the error names the cause', async () => {
      await at.service.stop();
      expect(idsOf(await search('kept'))).toEqual(firstOrder);
      const strict = await search('strict');
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(/Connection refused/);
      await at.service.start();
      expect(idsOf(await search('kept'))).toEqual(rerankedOrder);
    });

    it('is slow: the search is held up for the read timeout, which "took" leaves out', async () => {
      at.service.behave({ kind: 'slow', ms: 20_000 });
      const started = performance.now();
      const { body } = await search('kept', { timeout: '100ms' });
      const elapsedMs = performance.now() - started;
      expect(elapsedMs).toBeGreaterThan(900);
      expect(elapsedMs).toBeLessThan(15_000); // the service takes 20 s
      expect(body.timed_out).toBe(false);
      expect(body.took).toBeLessThan(elapsedMs - 500);
      // One try: retries would double the wait.
      expect(at.service.asked).toHaveLength(1);
    });

    it('is slow: cancel_after_time_interval does not bound the wait, the read timeout does', async () => {
      at.service.behave({ kind: 'slow', ms: 20_000 });
      const strict = await search('strict', {}, '&cancel_after_time_interval=100ms');
      // The read timeout's words, not those of a cancelled task.
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(/Read timed out/i);
      const kept = await search('kept', {}, '&cancel_after_time_interval=100ms');
      expect([kept.status, idsOf(kept)]).toEqual([200, firstOrder]);
    });

    it.each(['1.0', '0.0', '-0.0', '1e5', '1e-7', '1E-7', '12.345678901234567', '0.1234567890123456'])(
      'may write %s',
      async (literal) => {
        at.service.behave({ kind: 'literal', literal });
        const { status, body } = await search('strict');
        expect(status).toBe(200);
        const hit = body.hits.hits.find(({ _id }: { _id: string }) => _id === '4');
        expect(hit._score).toBeCloseTo(Number(literal), 5);
      },
    );

    it('may add fields to its results', async () => {
      at.service.behave({ kind: 'extra' });
      expect(idsOf(await search('strict'))).toEqual(rerankedOrder);
    });

    it('may write 1e400, which becomes an infinite score', async () => {
      at.service.behave({ kind: 'literal', literal: '1e400' });
      const response = await fetch(`${at.server.url}/animals/_search?search_pipeline=strict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...byWords, ...ext('q') }),
      });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('Infinity');
    });

    it.each<[string, Behaviour]>([
      ['whole numbers', { kind: 'literal', literal: '1' }],
      ['long literals', { kind: 'literal', literal: '0.98765432109876543' }],
      ['missing last results', { kind: 'drops', count: 1 }],
    ])('is read all the same by the lenient reader: %s', async (_name, behaviour) => {
      at.service.behave(behaviour);
      expect(idsOf(await search('lenient'))).toEqual(rerankedOrder);
    });

    describe('blockrank status', () => {
      const status = (...args: string[]): Promise<CliResult> =>
        cli('status', '--name', 'kept', '--index', 'animals', '--service', at.service.url, ...args);

      it('ends with 0 when searches are reranked', async () => {
        const { code, stdout } = await status();
        expect(stdout).toContain('searches are reranked');
        expect(stdout).toContain("the pipeline's processor ran 1 times and failed 0 times");
        expect(stdout).toContain('the service answered 1 requests');
        expect(stdout).toContain('verbose_pipeline says "success"');
        expect(stdout).toMatch(/service +ready/);
        expect(code).toBe(0);
      });

      it('ends with 1 and the cause when a failure is passed over', async () => {
        at.service.behave({ kind: 'status', status: 500, text: message });
        const { code, stdout, stderr } = await status();
        expect(stdout).toContain('SEARCHES ARE NOT RERANKED');
        expect(stdout).toContain("the pipeline's processor ran 1 times and failed 1 times");
        expect(stdout).toContain('verbose_pipeline says "fail"');
        expect(stderr).toContain('boom from the service');
        expect(code).toBe(1);
      });

      it('tells a whole number in an answer, and what to do', async () => {
        at.service.behave({ kind: 'literal', literal: '1' });
        const { code, stderr } = await status();
        expect(stderr).toContain('give --reader lenient');
        expect(code).toBe(1);
      });

      it('asks the model alone without an index, and says so', async () => {
        const well = await cli('status', '--name', 'kept');
        expect(well.stdout).toContain('the model answers; give --index to probe a search');
        expect(well.code).toBe(0);
        await at.service.stop();
        const stopped = await cli('status', '--name', 'kept', '--json');
        await at.service.start();
        expect(stopped.code).toBe(1);
        expect(JSON.parse(stopped.stdout).probe).toMatchObject({ outcome: 'model-failed' });
        expect(stopped.stderr).toContain('no service listens there');
      });

      it('ends with 1 when nothing is installed', async () => {
        const { code, stderr } = await cli('status', '--name', 'nothing');
        expect(stderr).toContain('connector absent');
        expect(code).toBe(1);
      });

      it('tells by the counts alone where a version has no verbose_pipeline', async () => {
        const { pipelines } = await readOpenSearchState(at.cluster.calls, 'kept');
        const modelId = /"model_id":"([^"]+)"/.exec(JSON.stringify(pipelines['kept']))![1]!;
        const options = { pipeline: 'kept', modelId, version: '2.12.0', index: 'animals', query: 'q' };
        expect(await probeReranking(at.cluster.calls, options)).toMatchObject({ outcome: 'reranked' });
        at.service.behave({ kind: 'hangs-up' });
        expect(await probeReranking(at.cluster.calls, options)).toMatchObject({ outcome: 'swallowed' });
      });
    });

    describe('signs on a single answer', () => {
      const sample = async (): Promise<Answered> => search('kept');

      it('are none in the key "profile", which truncate_hits leaves after a failure too', async () => {
        const reranked = await search('kept', { size: 2 });
        at.service.behave({ kind: 'hangs-up' });
        const failed = await search('kept', { size: 2 });
        expect(reranked.body.profile).toEqual({ shards: [] });
        expect(failed.body.profile).toEqual({ shards: [] });
        expect((await search('kept')).body.profile).toBeUndefined();
      });

      it('are none in scores between 0 and 1, where the first stage scores too', async () => {
        at.service.behave({ kind: 'hangs-up' });
        const { body } = await sample();
        expect(body.hits.max_score).toBeGreaterThan(0);
        expect(body.hits.max_score).toBeLessThan(1);
      });

      it('are in verbose_pipeline, which keeps even a strict pipeline from failing', async () => {
        at.service.behave({ kind: 'hangs-up' });
        const answer = await search('strict', {}, '&verbose_pipeline=true');
        expect(answer.status).toBe(200);
        const statuses = answer.body.processor_results.map((one: { status: string }) => one.status);
        expect(statuses).toContain('fail');
      });
    });
  });
}
