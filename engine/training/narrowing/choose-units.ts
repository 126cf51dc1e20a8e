/** How many units each part keeps, so that all together stay within a budget and lose least. */

/** A part to choose for. */
export interface PartChoice {
  /** The loss when so many units are gone, 0 at first, never falling; one more than there are units. */
  readonly losses: readonly number[];
  /** What a unit costs, above 0. */
  readonly unitCost: number;
}

/**
 * The units that each part keeps, at least 1.
 *
 * Each part takes what costs least where a unit of cost is worth so much loss; the worth is found by bisection.
 *
 * @param budget - The most that the kept units may cost.
 * @throws RangeError when one unit of each part costs more.
 */
export function chooseUnits(parts: readonly PartChoice[], budget: number): number[] {
  const cost = (kept: readonly number[]): number =>
    parts.reduce((sum, { unitCost }, i) => sum + unitCost * kept[i]!, 0);
  const fewest = cost(parts.map(() => 1));
  if (fewest > budget) {
    throw new RangeError(`chooseUnits: expected a budget of at least ${fewest}, got ${budget}.`);
  }
  let [low, high] = [0, 1];
  while (cost(keptAt(parts, high)) > budget) high *= 2;
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (cost(keptAt(parts, middle)) > budget) low = middle;
    else high = middle;
  }
  return keptAt(parts, high);
}

/** @param worth - Loss that a unit of cost is worth. */
function keptAt(parts: readonly PartChoice[], worth: number): number[] {
  return parts.map(({ losses, unitCost }) => {
    const units = losses.length - 1;
    let best = { kept: units, price: Number.POSITIVE_INFINITY };
    for (let kept = 1; kept <= units; kept += 1) {
      const price = losses[units - kept]! + worth * unitCost * kept;
      if (price < best.price) best = { kept, price };
    }
    return best.kept;
  });
}
