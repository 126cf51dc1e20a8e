import { afterEach, describe, expect, it } from 'vitest';
import { abortable, onAbort } from '../../engine/index.ts';

const warnings: Error[] = [];
const keep = (warning: Error): void => void warnings.push(warning);
process.on('warning', keep);

afterEach(() => {
  warnings.length = 0;
});

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('onAbort', () => {
  it('acts once when the signal aborts, and at once when it has', () => {
    const controller = new AbortController();
    const told: string[] = [];
    onAbort(controller.signal, () => told.push('early'));
    controller.abort();
    onAbort(controller.signal, () => told.push('late'));
    controller.signal.dispatchEvent(new Event('abort'));
    expect(told).toEqual(['early', 'late']);
  });

  it('takes no event for an abort while the signal is not aborted, and hears the abort after it', () => {
    const controller = new AbortController();
    let told = 0;
    onAbort(controller.signal, () => {
      told += 1;
    });
    controller.signal.dispatchEvent(new Event('abort'));
    expect(told).toBe(0);
    controller.abort();
    expect(told).toBe(1);
  });

  it('forgets who takes its wish back, and nobody else', () => {
    const controller = new AbortController();
    const told: string[] = [];
    const act = () => void told.push('same');
    const forget = onAbort(controller.signal, act);
    onAbort(controller.signal, act);
    onAbort(controller.signal, () => told.push('other'));
    forget();
    forget();
    controller.abort();
    expect(told).toEqual(['same', 'other']);
  });

  it('lets as many wait for one signal as want to, without a warning of a leak', async () => {
    const controller = new AbortController();
    let told = 0;
    for (let i = 0; i < 100; i++) {
      onAbort(controller.signal, () => {
        told += 1;
      });
    }
    await turn();
    expect(warnings).toEqual([]);
    controller.abort();
    expect(told).toBe(100);
  });
});

describe('abortable', () => {
  it('waits on for its work when a signal that is not aborted only says so', async () => {
    const controller = new AbortController();
    let finish: (value: string) => void = () => {};
    const waiting = abortable(new Promise<string>((resolve) => (finish = resolve)), controller.signal);
    controller.signal.dispatchEvent(new Event('abort'));
    finish('done');
    expect(await waiting).toBe('done');
  });

  it('rejects with the reason of the signal', async () => {
    const controller = new AbortController();
    const waiting = abortable(new Promise(() => {}), controller.signal);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(abortable(Promise.resolve(1), controller.signal)).rejects.toBe(reason);
  });
});
