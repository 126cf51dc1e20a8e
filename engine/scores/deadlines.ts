/** Orders things of which some may not come later than a given rank. */

/**
 * The order closest to a preferred one that keeps every deadline: from the last rank up, each rank takes the least
 * preferred of those whose deadline allows it. So nothing is moved that no deadline moves.
 *
 * @param deadlines - Last rank (0-based) of each thing in the preferred order; Infinity for none. Where they cannot all be kept, those that
 * are missed are missed by the least preferred first.
 * @returns Indices of the preferred order, in the new order.
 *
 * Source: Lawler's rule for one machine (Management Science 19, 1973).
 */
export function scheduled(deadlines: readonly number[]): readonly number[] {
  const waiting = [...deadlines.keys()];
  const order: number[] = [];
  for (let rank = deadlines.length - 1; rank >= 0; rank -= 1) {
    const found = waiting.findLastIndex((each) => deadlines[each]! >= rank);
    const [taken] = waiting.splice(found === -1 ? waiting.length - 1 : found, 1);
    order.push(taken!);
  }
  return order.reverse();
}
