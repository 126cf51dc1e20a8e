/** Work on many things, some at once, taken in their order. */

/**
 * Does work on every item, at most `atOnce` at a time, and hands over results in the items' order, so that a sum of them
 * is the same however long each takes. Stops at the first that fails, after those under way have ended.
 */
export async function inOrder<T, R>(
  items: readonly T[],
  { atOnce, work }: { readonly atOnce: number; readonly work: (item: T) => Promise<R> },
  take: (result: R, index: number) => void,
): Promise<void> {
  const underWay: Promise<PromiseSettledResult<R>>[] = [];
  let started = 0;
  for (let index = 0; index < items.length; index += 1) {
    while (started < items.length && underWay.length < atOnce) {
      underWay.push(settled(work(items[started]!)));
      started += 1;
    }
    const result = await underWay.shift()!;
    if (result.status === 'rejected') {
      await Promise.all(underWay);
      throw result.reason;
    }
    take(result.value, index);
  }
}

async function settled<R>(work: Promise<R>): Promise<PromiseSettledResult<R>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}
