import { describe, expect, it } from 'vitest';
import { endedBy } from '../../../adapters/cluster/own-signal.ts';

describe('endedBy', () => {
  it('gives each call a signal of its own, so that what one dispatches on it nobody else hears', async () => {
    const controller = new AbortController();
    const given: AbortSignal[] = [];
    const heard: string[] = [];
    controller.signal.addEventListener('abort', () => heard.push('caller'));
    const call = (name: string) =>
      endedBy(controller.signal, async (own) => {
        given.push(own!);
        own!.addEventListener('abort', () => heard.push(name));
        await new Promise((resolve) => setTimeout(resolve, 20));
        return name;
      });
    const both = Promise.all([call('a'), call('b')]);
    given[0]!.dispatchEvent(new Event('abort'));
    expect(await both).toEqual(['a', 'b']);
    expect(heard).toEqual(['a']);
  });

  it('ends the call by its signal and by its abort(), with the reason of the caller', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let aborts = 0;
    let own: AbortSignal | undefined;
    const running = endedBy(controller.signal, (signal) => {
      own = signal;
      const call = new Promise<never>((_resolve, reject) => {
        signal!.addEventListener('abort', () => reject(signal!.reason));
      });
      return Object.assign(call, { abort: () => (aborts += 1) });
    });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect([own!.reason, aborts]).toEqual([reason, 1]);
  });

  it('leaves a call alone that nobody ends', async () => {
    expect(await endedBy(undefined, async (own) => own)).toBeUndefined();
  });
});
