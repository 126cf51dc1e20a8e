import { describe, expect, it } from 'vitest';
import {
  openSearchStatus,
  type Probe,
  type ProbeOptions,
  probeReranking,
  readOpenSearchState,
  trySearch,
} from '../../../adapters/opensearch/index.ts';
import type { ServerCalls } from '../../../adapters/server.ts';
import type { MlDoubleOptions } from '../../support/doubles/opensearch-ml-double.ts';
import { openStack, type Stack, trusting } from '../../support/doubles/opensearch-stack.ts';

const away = { status: 500, reason: 'Error communicating with remote model: Connection refused' };

interface Probed extends Stack {
  probe(more?: Partial<ProbeOptions>): Promise<Probe>;
}

async function probed(options: MlDoubleOptions = { documents: 150 }): Promise<Probed> {
  const stack = await openStack({ ...trusting, ...options });
  await stack.run(await stack.plan());
  const { calls } = stack;
  const { modelId } = openSearchStatus(await readOpenSearchState(calls, 'blockrank'), 'blockrank');
  const common = { pipeline: 'blockrank', modelId: modelId!, version: '3.6.0', index: 'docs', query: 'q' };
  return { ...stack, probe: (more) => probeReranking(calls, { ...common, ...more }) };
}

describe('probeReranking', () => {
  it('asks for a page that takes the whole window, where a small one would pass', async () => {
    const { double, probe } = await probed();
    // A service that is fast enough for 50 documents, and not for the 100 that searches give it.
    double.answerBy(({ documents }) =>
      documents.length > 50
        ? { status: 500, reason: 'Error communicating with remote model: Read timed out' }
        : documents.map(() => 0.5),
    );
    expect(await probe()).toMatchObject({ outcome: 'swallowed' });
    expect(Math.max(...double.asked.map(({ documents }) => documents.length))).toBe(100);
  });

  it('tells that searches are reranked', async () => {
    const { probe } = await probed();
    const { outcome, cause, signs } = await probe();
    expect({ outcome, cause }).toEqual({ outcome: 'reranked', cause: undefined });
    expect(signs[0]).toBe("the pipeline's processor ran 1 times and failed 0 times");
  });

  it('asks the model itself when the index has no documents', async () => {
    const { double, probe } = await probed({ documents: 0 });
    expect(await probe()).toMatchObject({ outcome: 'no-hits' });
    double.answerBy(() => away);
    expect(await probe()).toMatchObject({
      outcome: 'model-failed',
      cause: expect.stringContaining('no service listens there'),
    });
  });

  it.each(['2.12.0', '3.6.0'])('knows nothing where no processor ran over the hits (%s)', async (version) => {
    const { double, probe } = await probed();
    double.pipelines.set('blockrank', { description: 'mine', response_processors: [] });
    expect(await probe({ version })).toMatchObject({
      outcome: 'unknown',
      cause: expect.stringContaining('no rerank processor was seen to run'),
    });
  });

  it('tells by the counts alone where a version has no verbose_pipeline', async () => {
    const { double, probe } = await probed();
    expect(await probe({ version: '2.12.0' })).toMatchObject({ outcome: 'reranked' });
    double.answerBy(() => away);
    expect(await probe({ version: '2.12.0' })).toMatchObject({ outcome: 'swallowed' });
  });

  it('gives every call that waits for the service as long as it is told to', async () => {
    const { calls } = await probed();
    const { waits, watched } = watching(calls);
    const common = { pipeline: 'blockrank', query: 'q', timeoutMs: 65_000 };
    const { modelId } = openSearchStatus(await readOpenSearchState(calls, 'blockrank'), 'blockrank');
    const options = { ...common, modelId: modelId!, version: '3.6.0' };
    await probeReranking(watched, options);
    await probeReranking(watched, { ...options, index: 'docs' });
    await trySearch(watched, { ...common, index: 'docs', fields: ['body'] });
    const asking = waits.filter(({ path }) => /_predict|_search$/.test(path));
    // The model alone; a search, and one more with verbose_pipeline; a search without the pipeline, and one with it.
    expect(asking.map(({ timeoutMs }) => timeoutMs)).toEqual([65_000, 65_000, 65_000, 65_000, 65_000]);
  });
});

describe('trySearch', () => {
  it('compares whole pages, so that the whole window is asked about', async () => {
    const { calls, double } = await probed();
    const options = { pipeline: 'blockrank', index: 'docs', query: 'q', fields: ['body'] };
    const { before, after } = await trySearch(calls, options);
    expect([before.length, after.length]).toEqual([10, 10]);
    expect(double.asked.at(-1)!.documents).toHaveLength(100);
  });
});

interface Wait {
  readonly path: string;
  readonly timeoutMs: number | undefined;
}

/** The same calls, and how long each may take. */
function watching(calls: ServerCalls): { readonly waits: Wait[]; readonly watched: ServerCalls } {
  const waits: Wait[] = [];
  const watched: ServerCalls = {
    server: calls.server,
    request(request, options) {
      waits.push({ path: request.path, timeoutMs: options?.timeoutMs });
      return calls.request(request, options);
    },
  };
  return { waits, watched };
}
