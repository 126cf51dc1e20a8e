/**
 * Lets requests begin a few at a time, in the order in which they came. A crowd that is refused and asks again at once
 * would otherwise fill every turn of the event loop, and each step of an admitted request, which waits for a worker's
 * answer several times, would take as long as refusing all of the crowd.
 */

/** Requests that wait for a turn of the event loop. */
export interface Turns {
  /** Calls `begin` at once while this turn has room for it, else in a later turn. */
  enter(begin: () => void): void;
}

/** Most requests that begin in one turn: refusing so many takes less than a millisecond. */
const mostInOneTurn = 8;

/** Opens the turns. @param defer - Runs something in the next turn, after what arrived meanwhile. @defaultValue `setImmediate` */
export function turns(defer: (run: () => void) => void = setImmediate): Turns {
  const waiting: (() => void)[] = [];
  let begun = 0;
  const nextTurn = (): void => {
    begun = 0;
    const now = waiting.splice(0, mostInOneTurn);
    for (const begin of now) start(begin);
  };
  const start = (begin: () => void): void => {
    if (begun === 0) defer(nextTurn);
    begun += 1;
    begin();
  };
  return {
    enter(begin) {
      if (begun < mostInOneTurn && waiting.length === 0) start(begin);
      else waiting.push(begin);
    },
  };
}
