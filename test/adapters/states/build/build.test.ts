import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildStates } from '../../../../adapters/server.ts';
import { FirstStageError, longestTimerMs } from '../../../../engine/index.ts';
import {
  type DoubleCall,
  type StatesDouble,
  startStatesDouble,
} from '../../../support/doubles/states-double.ts';
import { buildOver, fill, quickMaker, sidecar, unfresh } from '../../../support/doubles/states-fixture.ts';

let double: StatesDouble;
beforeEach(async () => {
  double = await startStatesDouble();
});
afterEach(() => double.close());

const refusal = (status: number, type: string) => ({
  status,
  body: { error: { type, reason: `a ${type}` } },
});
const isBulk = ({ path }: DoubleCall): boolean => path.startsWith('/_bulk');
const isCheckpoint = ({ method, path, body }: DoubleCall): boolean =>
  method === 'PUT' && path.startsWith('/blockrank-states-runs/_doc/') && body?.counts?.seen > 0;

describe('buildStates', () => {
  it('stores one state a document, under its id, with the version that it was made from', async () => {
    fill(double, 25);
    const { counts, documents, isDone } = await buildStates(buildOver(double));
    expect(counts).toEqual({ seen: 25, fresh: 0, written: 25, conflicts: 0, gone: 0, failed: 0, orphans: 0 });
    expect({ documents, isDone }).toEqual({ documents: 25, isDone: true });
    expect(unfresh(double)).toEqual([]);
    expect(double.documents(sidecar).get('d7')!.source).toMatchObject({
      state: 'AQID',
      source_seq_no: 7,
      source_primary_term: 1,
    });
    expect(double.openPits()).toBe(0);
  });

  it('encodes nothing that is there already', async () => {
    fill(double, 25);
    await buildStates(buildOver(double));
    const maker = quickMaker();
    const { counts } = await buildStates(buildOver(double, { maker }));
    expect(counts).toMatchObject({ seen: 25, fresh: 25, written: 0 });
    expect(maker.encoded).toEqual([]);
    // The build, and its slices of documents and of states: nothing is left of the build before.
    expect(double.documents('blockrank-states-runs').size).toBe(3);
  });

  it("replaces states of another encoder's, where both share a generation", async () => {
    fill(double, 5);
    await buildStates(buildOver(double));
    const { counts } = await buildStates(buildOver(double, { maker: quickMaker('f'.repeat(32)) }));
    expect(counts).toMatchObject({ written: 5 });
  });

  it('asks again when the server refuses a whole call as busy, and loses nothing', async () => {
    fill(double, 25);
    let refusals = 0;
    double.fault = (call) => {
      if (!isBulk(call) || refusals >= 3) return undefined;
      refusals += 1;
      return refusal(429, 'circuit_breaking_exception');
    };
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ written: 25, failed: 0 });
    expect(unfresh(double)).toEqual([]);
  });

  it('sends again exactly the items that a busy server turned away', async () => {
    fill(double, 10);
    const turnedAway = new Set(['d2', 'd5']);
    double.itemFault = (id) =>
      turnedAway.delete(id) ? refusal(429, 'es_rejected_execution_exception') : undefined;
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ written: 10 });
    const sent = double.calls.filter(isBulk).map(({ body }) => body.length / 2);
    expect(sent).toEqual([10, 2]);
  });

  it('waits for the shards of an index that was just made', async () => {
    fill(double, 10);
    let refusals = 0;
    double.fault = (call) => {
      if (call.path !== '/_mget' || refusals >= 3) return undefined;
      refusals += 1;
      const { error } = refusal(503, 'no_shard_available_action_exception').body;
      return { status: 200, body: { docs: call.body.docs.map(() => ({ error })) } };
    };
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ written: 10 });
  });

  it('gives up on a server that stays busy, and goes on there when it is started again', async () => {
    fill(double, 30);
    double.fault = (call) =>
      isBulk(call) && double.documents(sidecar).size >= 10 ? refusal(429, 'busy') : undefined;
    await expect(buildStates(buildOver(double))).rejects.toMatchObject({
      name: 'FirstStageError',
      statusCode: 429,
    });
    double.fault = undefined;
    const maker = quickMaker();
    const { counts } = await buildStates(buildOver(double, { maker }));
    expect(maker.encoded).toHaveLength(20);
    expect(counts).toMatchObject({ seen: 20, written: 20 });
    expect(unfresh(double)).toEqual([]);
  });

  it('counts what the server will not take, says why, and stores the rest', async () => {
    fill(double, 10);
    double.itemFault = (id) => (id === 'd3' ? refusal(400, 'document_parsing_exception') : undefined);
    const { counts, failure } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ written: 9, failed: 1 });
    expect(failure).toContain('document_parsing_exception');
  });

  it('stops at once when the server takes nothing', async () => {
    fill(double, 30);
    double.itemFault = () => refusal(403, 'cluster_block_exception');
    const failed = buildStates(buildOver(double));
    await expect(failed).rejects.toBeInstanceOf(FirstStageError);
    await expect(failed).rejects.toThrow(/cluster_block_exception/);
    expect(double.calls.filter(isBulk)).toHaveLength(1);
  });

  it('takes a state that was written, but whose answer was lost, for written', async () => {
    fill(double, 10);
    let isLost = false;
    double.fault = (call) => {
      if (!isBulk(call) || isLost) return undefined;
      isLost = true;
      return 'lost';
    };
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ written: 10, conflicts: 0 });
    expect(double.documents(sidecar).get('d1')!.version).toBe(1);
  });

  it('reads on when points in time expire, without reading anything twice', async () => {
    fill(double, 40);
    double.fault = (call) => {
      if (isBulk(call)) double.expire();
      return undefined;
    };
    const maker = quickMaker();
    const { counts } = await buildStates(buildOver(double, { maker }));
    expect(counts).toMatchObject({ seen: 40, written: 40 });
    expect(maker.encoded).toHaveLength(40);
  });

  it('takes an answer of some of the shards for none', async () => {
    fill(double, 10);
    let isFirst = true;
    double.fault = (call) => {
      if (call.path !== '/_search' || !isFirst) return undefined;
      isFirst = false;
      return { status: 200, body: { _shards: { failed: 1 }, hits: { hits: [] } } };
    };
    expect((await buildStates(buildOver(double))).counts).toMatchObject({ written: 10 });
  });

  it('ends after the batch in hand when it is told to, and goes on from there', async () => {
    fill(double, 40);
    const ending = new AbortController();
    const onProgress = (done: number): void => {
      if (done === 20) ending.abort(new DOMException('Interrupted.', 'AbortError'));
    };
    const first = await buildStates(buildOver(double, { signal: ending.signal, onProgress }));
    expect(first).toMatchObject({ isDone: false, counts: { written: 20 } });
    expect(double.openPits()).toBe(0);
    const second = await buildStates(buildOver(double, { owner: 'elsewhere:1:b' }));
    expect(second).toMatchObject({ isDone: true, counts: { seen: 20, written: 20 } });
  });

  it('keeps to so many documents a second', async () => {
    fill(double, 30);
    const start = performance.now();
    await buildStates(buildOver(double, { documentsPerSecond: 100 }));
    // The first batch passes at once; the other two wait for 100 ms each.
    expect(performance.now() - start).toBeGreaterThan(190);
  });

  it('stores states in the documents, and leaves alone what somebody changed meanwhile', async () => {
    fill(double, 10);
    const maker = quickMaker();
    const meddling = {
      ...maker,
      encode(texts: readonly string[]) {
        double.write('docs', 'd4', { title: 'new', body: 'words', views: 7 });
        double.remove('docs', 'd5');
        return maker.encode(texts);
      },
    };
    const place = { kind: 'field' } as const;
    const { counts } = await buildStates(buildOver(double, { maker: meddling, place }));
    expect(counts).toEqual({ seen: 10, fresh: 0, written: 8, conflicts: 1, gone: 1, failed: 0, orphans: 0 });
    expect(double.documents('docs').get('d4')!.source).toEqual({ title: 'new', body: 'words', views: 7 });
    const next = await buildStates(buildOver(double, { place }));
    expect(next.counts).toMatchObject({ seen: 9, fresh: 8, written: 1 });
    expect(double.documents('docs').get('d4')!.source).toMatchObject({
      views: 7,
      blockrank_state: { state: 'AQID' },
    });
  });

  it('does not call itself done when its record is deleted', async () => {
    fill(double, 30);
    const onProgress = (): void => {
      for (const id of double.documents('blockrank-states-runs').keys())
        double.remove('blockrank-states-runs', id);
    };
    const failed = buildStates(buildOver(double, { onProgress, workers: 1 }));
    await expect(failed).rejects.toThrow(/"blockrank-states-runs".*was deleted/);
  });

  it('leaves out nothing that has a lower number than what can be seen already', async () => {
    fill(double, 10);
    const land = double.begin('docs', 'late', { title: 'late', body: 'words' });
    double.write('docs', 'early', { title: 'early', body: 'words' });
    const first = await buildStates(buildOver(double));
    // What lies behind the write that is on its way is left for the next run, with it.
    expect(first.counts).toMatchObject({ seen: 10 });
    land();
    await buildStates(buildOver(double));
    expect(unfresh(double)).toEqual([]);
  });

  it('names an index that is not there', async () => {
    await expect(buildStates(buildOver(double, { index: 'nothing' }))).rejects.toThrow(
      /"nothing".*Check the name of the index/,
    );
  });
});

describe('slices of a build', () => {
  it('are left to whoever took them over, and nothing is lost', async () => {
    fill(double, 40);
    let isTaken = false;
    double.fault = (call) => {
      if (isCheckpoint(call) && !isTaken) {
        isTaken = true;
        const id = decodeURIComponent(call.path.split('/')[3]!.split('?')[0]!);
        // A heartbeat of long ago, so that the slice is free again at once.
        double.write('blockrank-states-runs', id, { ...call.body, owner: 'thief', heartbeat_ms: 0 });
      }
      return undefined;
    };
    const maker = quickMaker();
    const { isDone } = await buildStates(buildOver(double, { maker }));
    expect(isDone).toBe(true);
    expect(unfresh(double)).toEqual([]);
    expect(maker.encoded).toHaveLength(40);
  });

  it('are taken over from a worker whose heartbeat has stopped, or who is known to be dead', async () => {
    for (const { deadAfterMs, isDead } of [
      { deadAfterMs: 30, isDead: () => false },
      { deadAfterMs: 60_000, isDead: (owner: string) => owner.startsWith('dead') },
    ]) {
      fill(double, 40);
      double.fault = (call) => (isCheckpoint(call) ? 'lost' : undefined);
      const patience = { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1 };
      await expect(buildStates(buildOver(double, { owner: 'dead:1:a', patience }))).rejects.toThrow();
      double.fault = undefined;
      const heartbeat = { everyMs: 1000, deadAfterMs, pollMs: 5 };
      const { isDone } = await buildStates(buildOver(double, { owner: 'alive:1:b', isDead, heartbeat }));
      expect(isDone).toBe(true);
      expect(unfresh(double)).toEqual([]);
    }
  });

  it('are worked on by all workers at once, each document once', async () => {
    fill(double, 400);
    const makers = [quickMaker(), quickMaker()];
    const options = { slices: 8, workers: 2 };
    const reports = await Promise.all(
      makers.map((maker, i) =>
        buildStates(buildOver(double, { ...options, maker, owner: `machine:${i}:a` })),
      ),
    );
    expect(reports.every(({ isDone }) => isDone)).toBe(true);
    expect(makers.flatMap(({ encoded }) => encoded).sort()).toEqual(
      Array.from({ length: 400 }, (_, i) => `t${i} b${i}`).sort(),
    );
  });

  it('are not waited for longer than a worker of the same process has them', async () => {
    fill(double, 20);
    const heartbeat = { everyMs: 1000, deadAfterMs: 60_000, pollMs: longestTimerMs };
    const { isDone } = await buildStates(buildOver(double, { slices: 1, workers: 2, heartbeat }));
    expect(isDone).toBe(true);
  });

  it('are added for what was written since an interrupted build began', async () => {
    fill(double, 20);
    double.fault = (call) =>
      isBulk(call) && double.documents(sidecar).size >= 10 ? refusal(400, 'broken') : undefined;
    await expect(buildStates(buildOver(double))).rejects.toThrow();
    double.fault = undefined;
    // One that the first build had done already, and one that it never saw.
    double.write('docs', 'd2', { title: 'changed', body: 'since' });
    double.write('docs', 'new', { title: 'new', body: 'since' });
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ written: 12 });
    expect(unfresh(double)).toEqual([]);
  });

  it('begin anew when the index of states was deleted under an interrupted build', async () => {
    fill(double, 20);
    double.fault = (call) =>
      isBulk(call) && double.documents(sidecar).size >= 10 ? refusal(400, 'broken') : undefined;
    await expect(buildStates(buildOver(double))).rejects.toThrow();
    double.fault = undefined;
    await fetch(`${double.url}/${sidecar}`, { method: 'DELETE' });
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ written: 20 });
    expect(unfresh(double)).toEqual([]);
  });
});

describe('states beside the documents', () => {
  it('go when their documents are gone, and only then', async () => {
    fill(double, 30);
    await buildStates(buildOver(double));
    for (const id of ['d3', 'd4']) double.remove('docs', id);
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ seen: 28, fresh: 28, orphans: 2 });
    expect(double.documents(sidecar).size).toBe(28);
  });

  it('stay when their document comes back while they are compared', async () => {
    fill(double, 5);
    await buildStates(buildOver(double));
    const d3 = double.documents('docs').get('d3')!.source;
    double.remove('docs', 'd3');
    double.fault = ({ path, body }) => {
      // It is back, and its state is found to fit; then the deletion comes.
      if (path === '/_bulk' && body[0].delete) double.write('docs', 'd3', d3);
      return undefined;
    };
    await buildStates(buildOver(double));
    expect(unfresh(double)).toEqual([]);
  });

  it('stay when they are written anew while they are compared', async () => {
    fill(double, 5);
    await buildStates(buildOver(double));
    double.remove('docs', 'd3');
    double.fault = ({ path, body }) => {
      if (path === '/_bulk' && body[0].delete) double.write(sidecar, 'd3', { text_digest: 'newer' });
      return undefined;
    };
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ orphans: 0 });
    expect(double.documents(sidecar).get('d3')!.source).toEqual({ text_digest: 'newer' });
  });

  it('go with their index', async () => {
    fill(double, 5);
    double.write('docs-old', 'o1', { title: 'old', body: 'words' });
    await buildStates(buildOver(double, { index: 'docs*' }));
    expect(double.documents('docs-old-blockrank-states-g').size).toBe(1);
    double.delete('docs-old');
    await buildStates(buildOver(double, { index: 'docs*' }));
    expect(double.documents('docs-old-blockrank-states-g').size).toBe(0);
    expect(double.documents(sidecar).size).toBe(5);
  });

  it('are replaced when their index was made anew, and counts its writes from the start', async () => {
    for (let i = 0; i < 50; i += 1) double.write('docs', 'd0', { title: `t${i}`, body: 'b' });
    await buildStates(buildOver(double));
    double.delete('docs');
    fill(double, 3);
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ seen: 3, written: 3, conflicts: 0 });
    expect(unfresh(double)).toEqual([]);
  });

  it('that were written together with the document are judged by their text alone', async () => {
    fill(double, 3);
    await buildStates(buildOver(double));
    for (const id of ['d1', 'd2']) {
      const { source_seq_no: _, source_primary_term: __, ...own } = double.documents(sidecar).get(id)!.source;
      double.write(sidecar, id, id === 'd1' ? own : { ...own, text_digest: 'of another text' });
    }
    const { counts } = await buildStates(buildOver(double));
    expect(counts).toMatchObject({ fresh: 2, written: 1 });
  });

  it('are not put into an index that the server made by itself', async () => {
    fill(double, 3);
    double.write(sidecar, 'd1', { state: 'as words' });
    await expect(buildStates(buildOver(double))).rejects.toThrow(/with another mapping .* Delete it\./);
  });

  it('are never replaced by those of an older version', async () => {
    fill(double, 10);
    const maker = quickMaker();
    const overtaken = {
      ...maker,
      async encode(texts: readonly string[]) {
        double.write('docs', 'd3', { title: 'newer', body: 'words' });
        // Another build, whose slices have another name, sees the newer words and is first.
        await buildStates(buildOver(double, { owner: 'other:1:a', separator: ' ' }));
        return maker.encode(texts);
      },
    };
    const { counts } = await buildStates(buildOver(double, { maker: overtaken }));
    expect(counts).toMatchObject({ seen: 10, conflicts: 1 });
    expect(unfresh(double)).toEqual([]);
  });
});
