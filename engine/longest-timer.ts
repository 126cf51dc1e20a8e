/** The limit that every timer of a program shares. */

/** Longest wait of Node's timers, in milliseconds; Node ends a longer wait at once. */
export const longestTimerMs: number = 2 ** 31 - 1;
