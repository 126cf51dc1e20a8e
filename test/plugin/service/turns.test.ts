import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { turns } from '../../../plugin/service/turns.ts';

/** Turns that the test takes, and what has happened so far. */
function taken(): { enter: (name: string) => void; turn: () => void; happened: string[] } {
  const deferred: (() => void)[] = [];
  const happened: string[] = [];
  const opened = turns((run) => deferred.push(run));
  return {
    enter: (name) => opened.enter(() => happened.push(name)),
    turn: () => {
      for (const run of deferred.splice(0)) run();
    },
    happened,
  };
}

const crowd = Array.from({ length: 20 }, (_, i) => `request ${i}`);

describe('turns', () => {
  it('begin a few requests at once and the others in later turns, in the order in which they came', () => {
    const { enter, turn, happened } = taken();
    for (const name of crowd) enter(name);
    expect(happened).toEqual(crowd.slice(0, 8));
    turn();
    expect(happened).toEqual(crowd.slice(0, 16));
    turn();
    expect(happened).toEqual(crowd);
  });

  it('let nobody pass those who wait', () => {
    const { enter, turn, happened } = taken();
    for (const name of crowd) enter(name);
    turn();
    // The turn has begun its eight; four wait, and the newcomer is behind them.
    enter('newcomer');
    turn();
    expect(happened).toEqual([...crowd, 'newcomer']);
  });

  it('keep no request waiting while there are few', () => {
    const { enter, turn, happened } = taken();
    for (const name of crowd) {
      enter(name);
      expect(happened.at(-1)).toBe(name);
      turn();
    }
  });

  it('leave room between two turns for what else arrives', async () => {
    const happened: string[] = [];
    const { enter } = turns();
    const { port1, port2 } = new MessageChannel();
    const answered = new Promise<void>((resolve) => {
      port1.once('message', () => {
        happened.push('a worker answers');
        resolve();
      });
    });
    port2.postMessage('state');
    const many = 4000;
    const begun = new Promise<void>((resolve) => {
      for (let i = 0; i < many; i += 1) enter(() => happened.push('refusal') === many && resolve());
    });
    await answered;
    // All of the crowd was there before the worker's answer is handled, and is not ahead of it.
    expect(happened.length).toBeLessThan(many / 2);
    await begun;
    port1.close();
  });
});
