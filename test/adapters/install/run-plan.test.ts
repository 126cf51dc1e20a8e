import { describe, expect, it } from 'vitest';
import {
  type InstallPlan,
  type PlanStep,
  runPlan,
  type ServerAnswer,
  type ServerCalls,
} from '../../../adapters/server.ts';
import { FirstStageError } from '../../../engine/index.ts';

interface Fake extends ServerCalls {
  readonly lines: string[];
}

/** Answers 200, but what is refused. */
function fakeCalls(refused: Readonly<Record<string, number>> = {}): Fake {
  const lines: string[] = [];
  return {
    server: 'opensearch',
    lines,
    async request({ method, path }): Promise<ServerAnswer> {
      lines.push(`${method} ${path}`);
      const status = refused[`${method} ${path}`] ?? 200;
      if (status === 0) throw new FirstStageError('no answer', { adapter: 'opensearch' });
      return { status, body: status === 200 ? { size: lines.length } : { error: 'refused' } };
    },
  };
}

const step = (method: 'PUT' | 'DELETE' | 'POST', path: string, more: Partial<PlanStep> = {}): PlanStep => ({
  does: `${method} ${path}`,
  request: { method, path },
  ...more,
});
const planOf = (...steps: PlanStep[]): InstallPlan => ({ parts: [], steps, warnings: [], blockers: [] });

/** A thing made for a trial, tried and removed, and then what it was tried for. */
const trial = [
  step('PUT', '/trial', { undo: { method: 'DELETE', path: '/trial' } }),
  step('POST', '/trial'),
  step('DELETE', '/trial'),
  step('PUT', '/real'),
];

describe('a step that can be taken back', () => {
  it('is taken back when a later one fails', async () => {
    const calls = fakeCalls({ 'POST /trial': 500 });
    await expect(runPlan(planOf(...trial), { calls })).rejects.toThrow('Cannot POST /trial (status 500)');
    expect(calls.lines).toEqual(['PUT /trial', 'POST /trial', 'DELETE /trial']);
  });

  it('is taken back when it fails itself, for the server may have done it without an answer', async () => {
    const calls = fakeCalls({ 'PUT /trial': 0 });
    await expect(runPlan(planOf(...trial), { calls })).rejects.toThrow('no answer');
    expect(calls.lines).toEqual(['PUT /trial', 'DELETE /trial']);
  });

  it('is not taken back once a step has done just that', async () => {
    const calls = fakeCalls({ 'PUT /real': 500 });
    await expect(runPlan(planOf(...trial), { calls })).rejects.toThrow('Cannot PUT /real');
    expect(calls.lines.filter((line) => line === 'DELETE /trial')).toHaveLength(1);
  });

  it('is taken back when the run is ended from outside', async () => {
    const calls = fakeCalls();
    const ending = new AbortController();
    const onStep = ({ does }: PlanStep): void => {
      if (does === 'POST /trial') ending.abort(new Error('interrupted'));
    };
    // The step that is told of is still sent; the run ends before the next one.
    await expect(runPlan(planOf(...trial), { calls, onStep, signal: ending.signal })).rejects.toThrow(
      'interrupted',
    );
    expect(calls.lines).toEqual(['PUT /trial', 'POST /trial', 'DELETE /trial']);
  });

  it.each([500, 0])('is named when it cannot be taken back (%s)', async (status) => {
    const calls = fakeCalls({ 'POST /trial': 500, 'DELETE /trial': status });
    await expect(runPlan(planOf(...trial), { calls })).rejects.toThrow(
      /Cannot POST \/trial.*DELETE \/trial failed as well.*send it before the next run/,
    );
  });
});

describe('a step that fails', () => {
  const ifItFails = 'Everything is as it was.';

  it('says in what state things are', async () => {
    const plan = planOf(step('PUT', '/a', { ifItFails }));
    await expect(runPlan(plan, { calls: fakeCalls({ 'PUT /a': 400 }) })).rejects.toThrow(
      /^Cannot PUT \/a \(status 400\): refused.*Everything is as it was\.$/,
    );
  });

  it('fails by an answer of a good status that is not what was wanted', async () => {
    const faultOf = (body: unknown): string | undefined => `its size is ${(body as { size: number }).size}.`;
    const plan = planOf(step('PUT', '/a', { faultOf, ifItFails }), step('PUT', '/b'));
    const calls = fakeCalls();
    await expect(runPlan(plan, { calls })).rejects.toThrow(
      'Cannot PUT /a: its size is 1. Everything is as it was.',
    );
    expect(calls.lines).toEqual(['PUT /a']);
  });
});

describe('a pause', () => {
  it('passes before the step is sent, after it was told of', async () => {
    const calls = fakeCalls();
    const seen: string[] = [];
    await runPlan(planOf(step('PUT', '/a'), step('DELETE', '/b', { pauseMs: 11_000 })), {
      calls,
      onStep: ({ does }) => seen.push(`tells ${does}`),
      sleep: async (ms) => seen.push(`${ms} ms, after ${calls.lines.join()}`),
    });
    expect(seen).toEqual(['tells PUT /a', 'tells DELETE /b', '11000 ms, after PUT /a']);
    expect(calls.lines).toEqual(['PUT /a', 'DELETE /b']);
  });
});
